//! What is different on a terminal.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::Stdio;

use journal::RequestId;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcgetattr, tcsetwinsize};

use crate::support::{FINISHED, State, received};

/// Both ends of a terminal of 80 columns: the one of whoever looks at it, and that of programs.
fn terminal() -> (File, File) {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&controller, size).unwrap();
    let path = ptsname(&controller, Vec::new()).unwrap();
    let terminal = File::options().read(true).write(true).open(path.to_str().unwrap()).unwrap();
    (File::from(controller), terminal)
}

/// What `args` write on a terminal of 80 columns, where the pager marks each line.
fn on_terminal(state: &State, args: &[&str], env: &[(&str, &str)]) -> String {
    let (mut controller, terminal) = terminal();
    let mut command = state.command(args);
    command.env("PATH", std::env::var_os("PATH").unwrap()).env("PAGER", "sed s/^/paged:/").envs(env.iter().copied());
    let mut child = command.stdout(Stdio::from(terminal)).spawn().unwrap();
    // It holds an end of the terminal, and reading ends when nobody does.
    drop(command);
    let mut text = Vec::new();
    // Linux says EIO for a terminal that nobody holds any more.
    let _ = controller.read_to_end(&mut text);
    assert!(child.wait().unwrap().success());
    String::from_utf8(text).unwrap().replace('\r', "")
}

#[test]
fn what_is_long_is_paged_in_colours_and_fits() {
    let state = State::with_requests();
    let shown = on_terminal(&state, &["list"], &[]);
    assert!(shown.lines().count() == 3 && shown.lines().all(|line| line.starts_with("paged:")), "{shown}");
    assert!(shown.contains("\u{1b}[32m") && !shown.contains("WORKER"), "{shown}");
    let plain = on_terminal(&state, &["list", "--no-pager"], &[("NO_COLOR", "1")]);
    assert!(plain.starts_with("AT ") && !plain.contains('\u{1b}'), "{plain}");
    let without = on_terminal(&state, &["list", "--color", "never"], &[("PAGER", "no-such-pager-here")]);
    assert_eq!(without, plain);
}

#[test]
fn top_takes_the_screen_until_q() {
    let state = State::with_requests();
    let service = state.serve();
    let id: RequestId = RequestId::generate();
    service.record(Some(id), received());
    let (mut controller, terminal) = terminal();
    let before = tcgetattr(&terminal).unwrap().local_modes;
    let mut command = state.command(&["top"]);
    let mut child = command
        .stdin(Stdio::from(terminal.try_clone().unwrap()))
        .stdout(Stdio::from(terminal.try_clone().unwrap()))
        .spawn()
        .unwrap();
    let mut shown = Vec::new();
    let row = id.to_string();
    let has = |shown: &[u8], text: &str| String::from_utf8_lossy(shown).contains(text);
    while !has(&shown, &row) {
        let mut bytes = [0; 4096];
        let read = controller.read(&mut bytes).unwrap();
        shown.extend_from_slice(&bytes[..read]);
    }
    assert!(has(&shown, "\u{1b}[?1049h") && has(&shown, "running      2") && !has(&shown, "\u{1b}[?1049l"));
    controller.write_all(b"xq").unwrap();
    while !has(&shown, "\u{1b}[?1049l") {
        let mut bytes = [0; 4096];
        let read = controller.read(&mut bytes).unwrap();
        shown.extend_from_slice(&bytes[..read]);
    }
    assert!(child.wait().unwrap().success());
    assert_eq!(tcgetattr(&terminal).unwrap().local_modes, before, "keys are read as before");
    service.stop();
}

#[test]
fn what_follows_is_never_paged() {
    let state = State::with_requests();
    let shown = on_terminal(&state, &["tail", "-f", "-n", "1"], &[]);
    assert!(shown.contains("audit.read") && !shown.contains("paged:"), "{shown}");
}

#[test]
fn a_terminal_does_not_obey_what_went_out() {
    let state = State::with_requests();
    let shown = on_terminal(&state, &["show", FINISHED, "--sse"], &[]);
    assert!(shown.contains("\\u{1b}") && !shown.contains('\u{1b}'), "{shown}");
}
