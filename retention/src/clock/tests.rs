use super::*;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// `(wall, monotonic)` in seconds since any start.
fn now((wall, monotonic): (i64, u64)) -> Now {
    let start: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
    Now { wall: start + SignedDuration::from_secs(wall), monotonic: Duration::from_secs(monotonic) }
}

fn clock(last_known: Option<i64>) -> Clock {
    let last_known = last_known.map(|wall| now((wall, 0)).wall);
    Clock::new(Duration::from_secs(60), last_known, now((0, 0)))
}

#[test]
fn sweeps_wait_after_a_jump_ahead_until_two_agree() {
    // Each sweep by both clocks, and whether it waits. The sweep interval is a minute.
    for (what, sweeps) in [
        ("clocks in step", &[(60, 60, false), (120, 120, false)][..]),
        ("a late sweep is no jump", &[(60, 60, false), (DAY, 86_400, false)]),
        ("ahead by an interval", &[(120, 60, false), (180, 120, false)]),
        ("ahead by more", &[(121, 60, true), (181, 120, true), (241, 180, false), (301, 240, false)]),
        ("before the first sweep", &[(DAY, 0, true), (DAY + 60, 60, true), (DAY + 120, 120, false)]),
        (
            "another jump while waiting",
            &[(200, 60, true), (260, 120, true), (400, 180, true), (460, 240, true), (520, 300, false)],
        ),
        ("back again", &[(DAY, 60, true), (120, 120, true), (180, 180, true), (240, 240, false)]),
        ("back is no danger", &[(-DAY, 60, false), (60 - DAY, 120, false)]),
        (
            "what went back and forth jumped",
            &[(-DAY, 60, false), (120, 120, true), (180, 180, true), (240, 240, false)],
        ),
    ] {
        let mut clock = clock(Some(0));
        for (n, &(wall, monotonic, waits)) in sweeps.iter().enumerate() {
            let wait = clock.check(now((wall, monotonic)));
            assert_eq!(wait.is_some(), waits, "{what}, sweep {n}: {wait:?}");
            assert!(wait.is_none_or(|wait| matches!(wait.doubt, Doubt::Jump { .. })), "{what}, sweep {n}");
        }
    }
}

#[test]
fn the_first_sweep_waits_for_an_hour_after_a_gap() {
    for (last_known, waits) in [
        (None, false),
        (Some(0), false),
        (Some(DAY), false),
        (Some(-10 * MINUTE), false),
        (Some(-10 * MINUTE - 1), true),
        (Some(-365 * DAY), true),
    ] {
        let mut clock = clock(last_known);
        assert_eq!(clock.wait(now((0, 0))).is_some(), waits, "before any sweep, {last_known:?}");
        assert_eq!(clock.check(now((1, 1))).is_some(), waits, "{last_known:?}");
        assert_eq!(clock.check(now((3599, 3599))).is_some(), waits, "{last_known:?}");
        assert_eq!(clock.check(now((3600, 3600))), None, "{last_known:?}");
        assert_eq!(clock.check(now((3660, 3660))), None, "{last_known:?}");
    }
}

#[test]
fn the_hour_is_one_of_the_monotonic_clock() {
    let mut clock = clock(Some(-DAY));
    assert!(clock.check(now((HOUR + MINUTE, 60))).is_some(), "the wall clock jumped over the hour");
    assert!(clock.check(now((2 * HOUR, 3599))).is_some());
    let wait = clock.check(now((3 * HOUR, 3600))).unwrap();
    assert!(matches!(wait.doubt, Doubt::Jump { .. }), "what remains are the jumps: {wait}");
}

#[test]
fn a_clock_that_was_confirmed_is_believed() {
    let mut with_gap = clock(Some(-DAY));
    with_gap.confirm();
    assert_eq!(with_gap.check(now((1, 1))), None);

    let mut with_jump = clock(None);
    assert!(with_jump.check(now((DAY, 60))).is_some());
    with_jump.confirm();
    assert_eq!(with_jump.check(now((2 * DAY, 61))), None, "also what happened since the last sweep");
    assert!(with_jump.check(now((3 * DAY, 62))).is_some(), "but nothing after");
}

#[test]
fn a_wait_says_why_and_until_when() {
    let mut with_gap = clock(Some(-2 * HOUR));
    assert_eq!(
        with_gap.check(now((60, 60))).unwrap().to_string(),
        "at start the wall clock was 2h past the last time in the journal, 2026-11-23T10:00:00Z; \
         nothing is disposed of before 2026-11-23T13:00:00Z, unless somebody confirms the clock"
    );
    let mut with_jump = clock(None);
    assert_eq!(
        with_jump.check(now((DAY, 60))).unwrap().to_string(),
        "the wall clock jumped ahead of the monotonic clock by 23h 59m and two sweeps in a row have to agree with that \
         first; nothing is disposed of before 2026-11-24T12:02:00Z, unless somebody confirms the clock"
    );
    let wait = with_jump.check(now((DAY + 60, 120))).unwrap();
    let json = serde_json::to_value(&wait).unwrap();
    assert_eq!(json["doubt"], serde_json::json!({"jump": {"ahead": "PT23H59M"}}));
    assert_eq!((wait.since, wait.until), (now((DAY, 0)).wall, now((DAY + 120, 0)).wall));
}

#[test]
fn no_time_is_too_far() {
    let start = Now { wall: Timestamp::MIN, monotonic: Duration::MAX };
    let mut clock = Clock::new(Duration::MAX, Some(Timestamp::MAX), start);
    assert_eq!(clock.check(Now { wall: Timestamp::MAX, monotonic: Duration::ZERO }), None);
    let mut clock = Clock::new(Duration::from_nanos(1), Some(Timestamp::MIN), start);
    assert!(clock.check(Now { wall: Timestamp::MAX, monotonic: Duration::MAX }).is_some());
}
