//! `top`: what runs at this moment, and how the last minute went.

mod screen;
mod view;

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use journal::Query;

use self::screen::Screen;
use self::view::View;
use crate::failure::Failure;
use crate::note;
use crate::output::Output;
use crate::source::{Lines, Source};
use crate::terminal::terminal;

/// As many of the newest events tell what ran when it began. What has been silent for longer is not seen.
const PAST: u64 = 5000;

/// The time between two frames.
const TICK: Duration = Duration::from_secs(1);

/// What the screen waits for.
enum Happened {
    /// The next event.
    Event(String),
    /// There are no more.
    Ended(Result<(), Failure>),
    /// Somebody wants to leave.
    Quit,
}

/// Shows frames on a terminal until somebody leaves, and elsewhere one.
pub(crate) fn run(source: &Source) -> Result<(), Failure> {
    let query = Query::Tail { last: PAST };
    let mut view = View::default();
    if !terminal().is_tty {
        let end = source.read(query)?.each(|line| {
            view.take(line);
            Ok(())
        });
        print(&view)?;
        return end;
    }
    let end = watch(source.follow(query)?, &mut view)?;
    print(&view)?;
    end
}

/// Keeps the screen up to date until somebody leaves or there are no more events.
fn watch(lines: Lines, view: &mut View) -> Result<Result<(), Failure>, Failure> {
    let (sender, happened) = mpsc::channel();
    let keys = sender.clone();
    let screen = Screen::open(move || keys.send(Happened::Quit).is_ok())?;
    thread::spawn(move || {
        // Nobody is left to hear of it once the screen is closed.
        let end = lines.each(|line| sender.send(Happened::Event(line.to_owned())).map_err(|_| gone()));
        let _ = sender.send(Happened::Ended(end));
    });
    let mut due = Instant::now() + TICK / 10;
    loop {
        if Instant::now() >= due {
            screen.draw(&view.frame(Timestamp::now(), screen.size().width))?;
            due = Instant::now() + TICK;
        }
        match happened.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(Happened::Event(line)) => view.take(&line),
            Ok(Happened::Ended(end)) => {
                drop(screen);
                note("nothing more follows");
                return Ok(end);
            }
            Ok(Happened::Quit) | Err(RecvTimeoutError::Disconnected) => return Ok(Ok(())),
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

fn gone() -> Failure {
    Failure::NothingFound("the screen is closed".to_owned())
}

fn print(view: &View) -> Result<(), Failure> {
    let mut output = Output::unpaged();
    view.frame(Timestamp::now(), terminal().width.unwrap_or(usize::MAX))
        .iter()
        .try_for_each(|line| output.line(line))?;
    output.end()
}
