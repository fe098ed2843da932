//! How the memory of large requests goes back to the system.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// From this size on, memory is the system's again as soon as it is free.
const BOUND: &str = "1048576";

/// The variable in which glibc takes it (`mallopt(3)`, `M_MMAP_THRESHOLD`).
const VARIABLE: &str = "MALLOC_MMAP_THRESHOLD_";

/// Starts this program anew with a bound above which freed memory is given back. Without one glibc raises its own with the largest that
/// was freed, and each thread then keeps for itself what a body needed: several times its size, for good.
///
/// To be called before any thread is started. Returns if the bound is set, by this or by whoever started the program, and also if that
/// is not possible: everything works without.
pub fn give_back_what_is_free() {
    if std::env::var_os(VARIABLE).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut arguments = std::env::args_os();
    let name = arguments.next();
    let mut command = Command::new(&program);
    command.arg0(name.as_deref().unwrap_or(OsStr::new("codex-proxy"))).args(arguments).env(VARIABLE, BOUND);
    // It returns only if it fails.
    let _ = command.exec();
}
