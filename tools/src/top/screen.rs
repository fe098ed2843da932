//! A terminal that is taken over for a while.

use std::io::{self, Read as _, Write as _};
use std::thread;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// To a screen of its own, without a cursor, and back.
const TAKE: &str = "\u{1b}[?1049h\u{1b}[?25l";
const GIVE_BACK: &str = "\u{1b}[?25h\u{1b}[?1049l";

/// ^C, which comes as a character while keys are read one by one.
const INTERRUPT: u8 = 3;

/// The terminal, which is as before once this is dropped.
pub(super) struct Screen {
    /// How keys were read; `None` if nobody can press one.
    before: Option<Termios>,
}

/// Characters on a line, and lines.
pub(super) struct Size {
    pub(super) width: usize,
    pub(super) height: usize,
}

// === impl Screen ===

impl Screen {
    /// Takes the terminal over. `quit` is called for `q` and ^C, until it says that nobody hears it.
    pub(super) fn open(quit: impl Fn() -> bool + Send + 'static) -> io::Result<Self> {
        let before = tcgetattr(io::stdin()).ok();
        if let Some(before) = &before {
            let mut by_key = before.clone();
            by_key.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
            tcsetattr(io::stdin(), OptionalActions::Now, &by_key)?;
            thread::spawn(move || {
                let keys = io::stdin().lock().bytes().map_while(Result::ok);
                keys.filter(|key| matches!(*key, b'q' | INTERRUPT)).all(|_| quit())
            });
        }
        let screen = Self { before };
        screen.write(TAKE)?;
        Ok(screen)
    }

    /// What it holds at this moment.
    #[allow(clippy::unused_self, reason = "it is of this one")]
    pub(super) fn size(&self) -> Size {
        let size = tcgetwinsize(io::stdout()).ok().filter(|size| size.ws_col > 0 && size.ws_row > 0);
        size.map_or(Size { width: 80, height: 24 }, |size| Size {
            width: size.ws_col.into(),
            height: size.ws_row.into(),
        })
    }

    /// Shows `lines` in place of what it showed, as many as there is room for.
    pub(super) fn draw(&self, lines: &[String]) -> io::Result<()> {
        let room = self.size().height.saturating_sub(1);
        let shown: String = lines.iter().take(room).map(|line| format!("{line}\u{1b}[K\n")).collect();
        self.write(&format!("\u{1b}[H{shown}\u{1b}[J"))
    }

    #[allow(clippy::unused_self, reason = "only whoever has taken it over may write")]
    fn write(&self, text: &str) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // There is nobody to tell, and nothing else to be tried.
        let _ = self.write(GIVE_BACK);
        if let Some(before) = &self.before {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}
