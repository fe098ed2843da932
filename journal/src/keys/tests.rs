use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn keys(journal: &Path) -> Keys {
    Keys::open(journal, None).unwrap()
}

#[test]
fn a_key_comes_back_until_it_is_destroyed_and_lies_nowhere_in_the_clear() {
    let dir = tempfile::tempdir().unwrap();
    let key = keys(dir.path()).create(Kind::Segment, "one").unwrap();
    let again = keys(dir.path());
    assert_eq!(again.load(Kind::Segment, "one").unwrap().unwrap().as_bytes(), key.as_bytes());
    assert_eq!(again.names(Kind::Segment).unwrap(), ["one"]);
    assert!(again.load(Kind::Hold, "one").unwrap().is_none());
    let file = dir.path().join("keys/segments/one.key");
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains(&hex::encode(key.as_bytes())) && text.contains(again.master_id()));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(dir.path().join("keys/master.key")).unwrap().permissions().mode() & 0o777, 0o600);

    again.destroy(Kind::Segment, ["one", "never there"]).unwrap();
    assert!(again.load(Kind::Segment, "one").unwrap().is_none() && !file.exists());
}

#[test]
fn a_lost_or_wrong_master_key_is_named_and_nothing_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, outside) = (dir.path().join("journal"), dir.path().join("elsewhere/k"));
    let id = {
        let keys = Keys::open(&journal, Some(&outside)).unwrap();
        keys.create(Kind::Segment, "one").unwrap();
        keys.master_id().to_owned()
    };
    let lost = Keys::open(&journal, None).unwrap_err().to_string();
    assert!(lost.contains(&id) && lost.contains("master.key") && lost.contains("PROXY_JOURNAL_KEY_FILE"), "{lost}");
    assert!(!journal.join("keys/master.key").exists());

    let other = dir.path().join("other");
    let other_id = Keys::open(&dir.path().join("journal2"), Some(&other)).unwrap().master_id().to_owned();
    let wrong = Keys::open(&journal, Some(&other)).unwrap_err().to_string();
    assert!(wrong.contains(&id) && wrong.contains(&other_id), "{wrong}");

    fs::write(&other, "secret, but no key").unwrap();
    let malformed = Keys::open(&journal, Some(&other)).unwrap_err().to_string();
    assert!(malformed.contains("64 hexadecimal digits") && !malformed.contains("secret"), "{malformed}");

    fs::create_dir(journal.join("ledger")).unwrap();
    fs::remove_dir_all(journal.join("keys")).unwrap();
    assert!(Keys::open(&journal, None).unwrap_err().to_string().contains("keys of the journal are gone"));
    assert!(!journal.join("keys").exists());
}

#[test]
fn a_changed_or_moved_key_file_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let keys = keys(dir.path());
    keys.create(Kind::Segment, "one").unwrap();
    keys.create(Kind::Segment, "two").unwrap();
    let folder = dir.path().join("keys/segments");
    fs::copy(folder.join("one.key"), folder.join("two.key")).unwrap();
    assert!(matches!(keys.load(Kind::Segment, "two"), Err(Error::Damaged { .. })));
    let whole = fs::read(folder.join("one.key")).unwrap();
    for at in 0..whole.len() - 1 {
        let mut changed = whole.clone();
        changed[at] ^= 2;
        fs::write(folder.join("one.key"), &changed).unwrap();
        assert!(keys.load(Kind::Segment, "one").is_err(), "byte {at} of {:?}", String::from_utf8_lossy(&changed));
    }
}

#[test]
fn wrapping_anew_can_be_interrupted_and_leaves_the_old_master_key_without_use() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (dir.path().join("old"), dir.path().join("new"));
    let mut keys = Keys::open(dir.path(), Some(&old)).unwrap();
    let one = keys.create(Kind::Segment, "one").unwrap();
    keys.create(Kind::Ledger, "signing").unwrap();
    let half_done = fs::read(dir.path().join("keys/ledger/signing.key")).unwrap();
    let (id, count) = keys.rewrap(dir.path(), &new).unwrap();
    assert_eq!(count, 2);

    fs::write(dir.path().join("keys/ledger/signing.key"), half_done).unwrap();
    let mut again = Keys::open(dir.path(), Some(&old)).unwrap();
    assert_eq!(again.rewrap(dir.path(), &new).unwrap(), (id.clone(), 1));

    assert!(Keys::open(dir.path(), Some(&old)).unwrap_err().to_string().contains(&id));
    let keys = Keys::open(dir.path(), Some(&new)).unwrap();
    assert_eq!(keys.load(Kind::Segment, "one").unwrap().unwrap().as_bytes(), one.as_bytes());
}
