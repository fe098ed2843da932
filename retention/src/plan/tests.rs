use proptest::prelude::*;

use super::*;
use crate::policy::tests::{DAY, HOUR, terms};

fn at(text: &str) -> Timestamp {
    format!("2026-11-{text}:00Z").parse().unwrap()
}

/// Content for a day, at most 100 bytes.
fn policy() -> Policy {
    Policy::try_new(Terms { content_ttl: DAY, max_bytes: 100, ..terms() }).unwrap()
}

/// Segments of a byte each, named by their number, the last one live.
fn segments(opened: &[&str]) -> Vec<SegmentAge> {
    let age = |(n, opened_at): (usize, &&str)| SegmentAge {
        name: n.to_string(),
        opened_at: at(opened_at),
        bytes: 1,
        live: n + 1 == opened.len(),
        sealed: false,
        held: false,
    };
    opened.iter().enumerate().map(age).collect()
}

/// Segments of `bytes` each, none of them due by age at 21T12:00, the last one live.
fn of_sizes(bytes: &[u64]) -> Vec<SegmentAge> {
    let mut segments = segments(&vec!["21T10:00"; bytes.len()]);
    segments.iter_mut().zip(bytes).for_each(|(segment, bytes)| segment.bytes = *bytes);
    segments
}

fn numbers(plan: &Plan) -> Vec<usize> {
    plan.segments.iter().map(|due| due.segment.parse().unwrap()).collect()
}

fn due(opened: &[&str], now: &str) -> Vec<usize> {
    numbers(&plan(&segments(opened), at(now), &policy()))
}

#[test]
fn a_segment_is_due_at_the_moment_its_oldest_event_reaches_the_time() {
    let opened = ["20T10:00", "20T11:00", "20T12:00"];
    for (now, expected, next_due) in [
        ("21T09:59", &[][..], Some("21T10:00")),
        ("21T10:00", &[0], Some("21T11:00")),
        ("21T11:59", &[0, 1], Some("21T12:00")),
        ("21T12:00", &[0, 1, 2], None),
    ] {
        let plan = plan(&segments(&opened), at(now), &policy());
        assert_eq!((numbers(&plan).as_slice(), plan.next_due), (expected, next_due.map(at)), "{now}");
    }
}

#[test]
fn the_newest_is_due_like_the_others_and_ended_first() {
    let of_one = segments(&["20T10:00"]);
    let due = plan(&of_one, at("21T10:00"), &policy());
    assert_eq!((numbers(&due), due.end_first), (vec![0], Some("0".to_owned())));
    let not_due = plan(&of_one, at("21T09:59"), &policy());
    assert_eq!((numbers(&not_due), not_due.end_first), (vec![], None));
    let nothing = plan(&[], at("21T10:00"), &policy());
    assert_eq!((numbers(&nothing), nothing.end_first), (vec![], None));
}

#[test]
fn a_clock_that_was_ahead_keeps_nothing_longer() {
    let opened = ["20T10:00", "29T00:00", "20T11:00", "20T12:00"];
    assert_eq!(due(&opened, "21T10:30"), [0]);
    assert_eq!(due(&opened, "21T11:00"), [0, 1, 2]);
    let newest = plan(&segments(&["20T10:00", "29T00:00"]), at("20T11:00"), &policy());
    assert_eq!((numbers(&newest), newest.end_first), (vec![], Some("1".to_owned())));
}

#[test]
fn a_clock_that_was_behind_lets_only_its_own_go_early() {
    assert_eq!(due(&["20T10:00", "18T00:00", "20T12:00"], "20T13:00"), [1]);
    assert!(due(&["20T10:00", "20T11:00"], "01T00:00").is_empty());
}

#[test]
fn beyond_max_bytes_the_oldest_go_first() {
    for (bytes, expected, kept, struck) in [
        (&[40, 40, 20][..], &[][..], 100, false),
        (&[40, 41, 20], &[0], 61, true),
        (&[1, 1, 100, 40, 20], &[0, 1, 2], 60, true),
        (&[100, 100, 100], &[0, 1], 100, true),
        // The live one is never disposed of for size.
        (&[50, 50, 101], &[0, 1], 101, true),
        (&[101], &[], 101, true),
        (&[], &[], 0, false),
    ] {
        let plan = plan(&of_sizes(bytes), at("21T12:00"), &policy());
        assert_eq!(numbers(&plan), expected, "{bytes:?}");
        assert_eq!((plan.bytes_kept, plan.max_bytes_struck), (kept, struck), "{bytes:?}");
        assert_eq!(plan.bytes, bytes.iter().sum::<u64>());
        assert_eq!(plan.end_first, None);
        assert!(plan.segments.iter().all(|due| due.reason == Reason::MaxBytes(100)));
    }
}

#[test]
fn what_went_by_age_counts_no_more() {
    let mut segments = segments(&["20T10:00", "21T10:00", "21T11:00"]);
    segments[0].bytes = 99;
    segments[1].bytes = 99;
    let plan = plan(&segments, at("21T12:00"), &policy());
    assert_eq!((numbers(&plan), plan.bytes_kept, plan.max_bytes_struck), (vec![0], 100, false));
    assert_eq!(plan.segments[0].reason, Reason::ContentTtl(DAY));
}

#[test]
fn what_is_held_stays_and_counts() {
    let mut by_age = segments(&["20T10:00", "20T11:00", "21T12:00"]);
    by_age[0].held = true;
    let expired = plan(&by_age, at("21T12:00"), &policy());
    assert_eq!((numbers(&expired), expired.next_due), (vec![1], Some(at("22T12:00"))));

    let mut by_size = of_sizes(&[60, 30, 30, 10]);
    by_size[0].held = true;
    let shrunk = plan(&by_size, at("21T12:00"), &policy());
    assert_eq!((numbers(&shrunk), shrunk.bytes_kept), (vec![1], 100));
}

#[test]
fn days_and_months_are_kept_until_their_last_moment_is_too_old() {
    let policy = Policy::try_new(Terms { summary_ttl: HOUR * 48, ledger_ttl: DAY * 30, ..terms() }).unwrap();
    for (now, day, month) in [
        ("2026-11-23T23:59:59.9Z", "2026-11-21", "2026-10-01"),
        ("2026-11-24T00:00:00Z", "2026-11-22", "2026-10-01"),
        ("2026-11-30T23:59:59Z", "2026-11-28", "2026-10-01"),
        ("2026-12-01T00:00:00Z", "2026-11-29", "2026-11-01"),
    ] {
        let plan = plan(&[], now.parse().unwrap(), &policy);
        assert_eq!(plan.summaries_before, Some(day.parse().unwrap()), "{now}");
        assert_eq!(plan.ledger_before, Some(month.parse().unwrap()), "{now}");
        assert_eq!(plan.ledger_cut().unwrap().to_string(), format!("{month}T00:00:00Z"), "{now}");
    }
}

#[test]
fn no_time_is_too_long() {
    let terms = Terms {
        content_ttl: Duration::MAX,
        summary_ttl: Duration::MAX,
        ledger_ttl: Duration::MAX,
        max_content_ttl: Duration::MAX,
        ..terms()
    };
    let mut segments = segments(&["20T10:00"]);
    segments[0].opened_at = Timestamp::MIN;
    let plan = plan(&segments, Timestamp::MAX, &Policy::try_new(terms).unwrap());
    assert!(plan.segments.is_empty());
    assert_eq!((plan.summaries_before, plan.ledger_cut(), plan.next_due), (None, None, None));
}

#[test]
fn a_plan_as_json_gives_reasons_in_words() {
    let policy = Policy::try_new(Terms { max_bytes: 1, ..terms() }).unwrap();
    let segments = segments(&["20T10:00", "23T10:00", "23T11:00"]);
    let json = serde_json::to_value(plan(&segments, at("23T12:00"), &policy)).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "at": "2026-11-23T12:00:00Z",
            "policy": policy.digest(),
            "segments": [
                {"segment": "0", "opened_at": "2026-11-20T10:00:00Z", "bytes": 1, "reason": "content_ttl 72h"},
                {"segment": "1", "opened_at": "2026-11-23T10:00:00Z", "bytes": 1, "reason": "max_bytes 1"},
            ],
            "end_first": null,
            "summaries_before": "2026-08-25",
            "pseudonyms_before": "2026-11-20",
            "ledger_before": "2025-10-01",
            "bytes": 3,
            "bytes_kept": 1,
            "max_bytes_struck": true,
            "next_due": "2026-11-26T11:00:00Z",
        })
    );
}

/// Segments as a node with a clock that mostly goes forward leaves them, and a moment.
fn journals() -> impl Strategy<Value = (Vec<SegmentAge>, Timestamp)> {
    let step = prop_oneof![8 => 0..40_000_i64, 1 => -400_000..0_i64, 1 => 40_000..400_000_i64];
    let segment = (step, 0..60_u64, prop::bool::weighted(0.2));
    (prop::collection::vec(segment, 0..30), -100_000..200_000_i64).prop_map(|(drawn, since_last)| {
        let mut time = at("20T00:00");
        let count = drawn.len();
        let segment = |(n, (step, bytes, held)): (usize, (i64, u64, bool))| {
            time += SignedDuration::from_secs(step);
            let live = n + 1 == count;
            SegmentAge { name: n.to_string(), opened_at: time, bytes, live, sealed: !live, held: held && !live }
        };
        let segments = drawn.into_iter().enumerate().map(segment).collect();
        (segments, time + SignedDuration::from_secs(since_last))
    })
}

proptest! {
    #[test]
    fn a_plan_keeps_what_the_policy_promises((segments, now) in journals()) {
        let plan = plan(&segments, now, &policy());
        let ttl = SignedDuration::try_from(DAY).unwrap();
        let mut kept = 0;
        for (n, segment) in segments.iter().enumerate() {
            // The oldest it can be: by itself, or by the first one after it that has a time that was.
            let opened_at = segments[n..].iter().map(|later| later.opened_at).find(|opened_at| *opened_at <= now);
            let expired = opened_at.is_some_and(|opened_at| now.duration_since(opened_at) >= ttl);
            if let Some(due) = plan.segments.iter().find(|due| due.segment == segment.name) {
                prop_assert!(!segment.held);
                prop_assert_eq!(due.bytes, segment.bytes);
                prop_assert_eq!(due.reason == Reason::ContentTtl(DAY), expired);
                prop_assert!(expired || !segment.live);
            } else {
                prop_assert!(segment.held || !expired, "{} is due", segment.name);
                kept += segment.bytes;
            }
        }
        prop_assert_eq!(plan.bytes_kept, kept);
        prop_assert!(plan.segments.iter().map(|due| due.segment.parse::<usize>().unwrap()).is_sorted());

        let can_go = |segment: &&SegmentAge| {
            !segment.live && !segment.held && plan.segments.iter().all(|due| due.segment != segment.name)
        };
        let oldest_kept = segments.iter().find(can_go);
        prop_assert!(kept <= 100 || oldest_kept.is_none(), "{kept} bytes are kept, {oldest_kept:?} among them");
        let for_size: Vec<_> = plan.segments.iter().filter(|due| due.reason == Reason::MaxBytes(100)).collect();
        prop_assert!(for_size.is_empty() || plan.max_bytes_struck);
        if let Some(last) = for_size.last() {
            prop_assert!(kept + last.bytes > 100, "{} went for nothing", last.segment);
            let older = |segment: &SegmentAge| segment.name.parse::<usize>().unwrap() < last.segment.parse().unwrap();
            prop_assert!(oldest_kept.is_none_or(|kept| !older(kept)), "the oldest goes first");
        }

        let mut left = segments.clone();
        if plan.end_first.is_some() {
            for segment in &mut left {
                segment.live = false;
            }
            let name = left.len().to_string();
            left.push(SegmentAge { name, opened_at: now, bytes: 0, live: true, sealed: false, held: false });
        }
        left.retain(|segment| plan.segments.iter().all(|due| due.segment != segment.name));
        let again = super::plan(&left, now, &policy());
        // Only what was live and is no more can go for size now.
        let unexpected = again.segments.iter().find(|due| plan.end_first.as_ref() != Some(&due.segment));
        prop_assert!(unexpected.is_none(), "once is enough: {unexpected:?}");
        // What a clock that was ahead labelled is due at another time once that label has come.
        let ahead = left.iter().any(|segment| segment.opened_at > now);
        if let Some(next_due) = again.next_due.filter(|_| !ahead) {
            prop_assert!(next_due > now);
            prop_assert!(!super::plan(&left, next_due, &policy()).segments.is_empty());
        }
    }
}
