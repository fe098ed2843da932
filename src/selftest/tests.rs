use std::collections::BTreeMap;

use journal::{Counts, DayKey};
use scrubbers::Scrubber;

use super::*;
use crate::config::{self, Purpose, Sources};

fn config(settings: &[(&str, &str)]) -> Config {
    let home = [("HOME".to_owned(), "/nowhere".to_owned())];
    let environment =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).chain(home).collect();
    config::load(&Sources { flags: BTreeMap::new(), environment, purpose: Purpose::Inspect }).unwrap()
}

fn prove(config: &Config, scrub: impl FnOnce(ScrubEvents) -> Arc<dyn Scrub>) -> Vec<Leak> {
    let dir = tempfile::tempdir().unwrap();
    let scrubber = Arc::new(crate::app::scrubber(config).unwrap());
    let leaks =
        run(&dir.path().join("selftest"), scrub(ScrubEvents::new(scrubber.clone())), &scrubber, config.scrub_addresses)
            .unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "the journal is gone");
    leaks
}

#[test]
fn nothing_survives_and_nothing_is_left_behind() {
    for settings in [&[][..], &[("PROXY_SCRUB_ADDRESSES", "none")], &[("PROXY_SCRUB_CONTENT", "drop")]] {
        assert_eq!(prove(&config(settings), |scrub| Arc::new(scrub)), [], "{settings:?}");
    }
}

#[test]
fn a_kind_that_is_missing_is_told() {
    /// Scrubs all but what has such a text in it.
    struct Without(&'static str, ScrubEvents);
    impl Scrub for Without {
        fn scrub(&self, key: &DayKey, json: &mut String) -> Counts {
            if json.contains(self.0) { Counts::default() } else { self.1.scrub(key, json) }
        }
    }
    let config = config(&[]);
    let github = canaries::all().find(|canary| canary.kind == "github-token").unwrap();
    for form in Form::ALL {
        let planted: &'static str = form.of(&github.secret).leak();
        // In base64 only the whole text is known.
        let planted = if form == Form::Base64 { github.planted(form).unwrap().leak() } else { planted };
        let planted = serde_json::Value::from(planted).to_string().trim_matches('"').to_owned().leak();
        let leaks = prove(&config, |scrub| Arc::new(Without(planted, scrub)));
        assert_eq!(leaks, [Leak { kind: "github-token".to_owned(), place: "events".to_owned() }], "{form:?}");
    }
}

#[test]
fn what_is_on_the_disk_in_clear_is_told_with_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let canaries: Vec<_> = canaries::all().collect();
    let github = canaries.iter().find(|canary| canary.kind == "github-token").unwrap();
    fs::create_dir(dir.path().join("segments")).unwrap();
    fs::write(dir.path().join("segments/one"), Form::Hex.of(&github.secret[5..30])).unwrap();
    let mut leaks = BTreeSet::new();
    search_files(dir.path(), &canaries, &mut leaks).unwrap();
    assert!(leaks.contains(&Leak { kind: "github-token".to_owned(), place: "segments/one".to_owned() }), "{leaks:?}");
}

#[test]
fn every_kind_has_a_canary() {
    let kinds: BTreeSet<_> = canaries::all().map(|canary| canary.kind).collect();
    let scrubber = Scrubber::builder().build().unwrap();
    let missing: Vec<_> = scrubber.kinds().filter(|kind| !kinds.contains(*kind)).collect();
    assert_eq!(missing, [""; 0]);
}
