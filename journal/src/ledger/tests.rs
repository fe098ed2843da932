use std::io::Write as _;

use super::*;

fn open(dir: &Path) -> Ledger {
    let keys = Keys::open(dir, None).unwrap();
    Ledger::open(dir, &keys, "2026-11-23T12:00:00Z".parse().unwrap()).unwrap()
}

fn add(ledger: &mut Ledger, at: &str, data: &str) {
    ledger.append(&[Record { at: at.parse().unwrap(), kind: "test", data }]).unwrap();
}

fn file(dir: &Path, month: &str) -> PathBuf {
    dir.join(format!("ledger/{month}.ledger"))
}

fn problems(dir: &Path, ledger: &Ledger) -> Vec<String> {
    check(dir, ledger.public_key()).unwrap().problems
}

fn three_months(dir: &Path) -> Ledger {
    let mut ledger = open(dir);
    for (at, n) in ["2026-11-23T13:00:00Z", "2026-12-01T00:00:00Z", "2027-01-31T23:00:00Z", "2027-01-31T23:10:00Z"]
        .into_iter()
        .zip(1..)
    {
        add(&mut ledger, at, &format!("{{\"n\":{n}}}"));
    }
    ledger
}

#[test]
fn entries_follow_each_other_over_months_and_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let head = three_months(dir.path()).head().clone();
    let mut ledger = open(dir.path());
    assert_eq!(*ledger.head(), head);
    // The clock was set back: the order of the files stays that of the entries.
    add(&mut ledger, "2026-11-01T00:00:00Z", "{}");
    let numbers: Vec<_> = LedgerEntries::open(dir.path()).unwrap().map(|entry| entry.unwrap().n).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
    assert!(problems(dir.path(), &ledger).is_empty());
}

#[test]
fn every_change_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = three_months(dir.path());
    let path = file(dir.path(), "2026-12");
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(&path, &changed).unwrap();
        assert!(!problems(dir.path(), &ledger).is_empty(), "byte {at}: {}", String::from_utf8_lossy(&changed));
    }
    for (what, changed) in [("emptied", Vec::new()), ("doubled", [&whole[..], &whole].concat())] {
        fs::write(&path, changed).unwrap();
        assert!(!problems(dir.path(), &ledger).is_empty(), "{what}");
    }
    fs::write(&path, &whole).unwrap();
    assert!(problems(dir.path(), &ledger).is_empty());
    fs::remove_file(file(dir.path(), "2026-11")).unwrap();
    assert!(problems(dir.path(), &ledger)[0].contains("nothing says where"));
}

#[test]
fn a_torn_entry_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let head = three_months(dir.path()).head().clone();
    let path = file(dir.path(), "2027-01");
    OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"n\":6,\"at\"").unwrap();
    let mut ledger = open(dir.path());
    assert_eq!(*ledger.head(), head);
    add(&mut ledger, "2027-01-31T23:30:00Z", "{}");
    assert!(problems(dir.path(), &ledger).is_empty());
}

#[test]
fn months_go_and_the_chain_explains_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = three_months(dir.path());
    let mut due = ledger.due_before("2026-12-31T00:00:00Z".parse().unwrap()).unwrap();
    assert_eq!(due.len(), 1);
    let (month, head) = due.remove(0);
    ledger.remove(&month).unwrap();
    let (last_entry, head) = (head.n, head.hash);
    assert_eq!((month.as_str(), last_entry), ("2026-11", 2));
    assert!(!problems(dir.path(), &ledger).is_empty());
    let disposed = LedgerDisposed {
        month,
        last_entry,
        head,
        policy: String::new(),
        reason: "ledger_ttl 400d".to_owned(),
        actor: "retention".to_owned(),
    };
    let data = serde_json::to_string(&disposed).unwrap();
    let record = Record { at: "2027-02-01T00:00:00Z".parse().unwrap(), kind: "ledger.disposed", data: &data };
    ledger.append(&[record]).unwrap();
    assert!(problems(dir.path(), &ledger).is_empty());
}

#[test]
fn standard_tools_can_check_it() {
    let dir = tempfile::tempdir().unwrap();
    three_months(dir.path());
    let run = |script: &str| {
        let status = std::process::Command::new("sh").arg("-euc").arg(script).current_dir(dir.path()).output().unwrap();
        (status.status.success(), String::from_utf8_lossy(&status.stdout).into_owned())
    };
    let (ok, sum) = run("sed -n 1p ledger/2026-11.ledger | cut -f1 | tr -d '\\n' | sha256sum | cut -d' ' -f1");
    assert!(ok);
    let second = LedgerEntries::open(dir.path()).unwrap().nth(1).unwrap().unwrap();
    assert_eq!(sum.trim(), second.prev);
}

use crate::compliance::LedgerDisposed;
