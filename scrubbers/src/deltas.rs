//! Redaction of a text that arrives in pieces, as the deltas of a stream do.

use std::collections::VecDeque;
use std::ops::Range;

use crate::scrubber::Redaction;
use crate::{PseudonymKey, Report, Scrubber, json};

/// Bytes of text that wait to be settled, at most; a single longer piece excepted.
pub const MAX_HELD: usize = 64 << 10;

/// So much is held on when [`MAX_HELD`] is reached: the longest secret on one line.
const TAIL: usize = 8 << 10;

/// Bytes before a cut that what follows is judged with. No decision looks further back.
const CONTEXT: usize = 128;

/// Text of this length is looked at whenever a line ends.
const SMALL: usize = 8 << 10;

/// One stream of text, whose secrets may be split over any number of its pieces.
///
/// What the pieces are replaced by is, joined, what [`Scrubber::scrub_text`] makes of the whole text, however it was cut. A
/// marker stands in the piece in which its secret begins; the rest of the secret is gone from the others. So a piece is
/// settled only when no text behind it can change its redaction (see [`Scrubber::settled`]).
///
/// Exactness ends where that takes more than [`MAX_HELD`] bytes: then all but the last 8 KiB are judged by themselves, at white
/// space if there is any. A secret that is known at that place to go on is held from its beginning, or, if it is all there
/// is, redacted as far as it goes: what continues it gets a marker of its own.
///
/// Time is linear in the text, whatever the sizes of the pieces.
///
/// ```
/// use scrubbers::{Deltas, PseudonymKey, Scrubber};
///
/// let (scrubber, key, mut deltas) = (Scrubber::builder().build()?, PseudonymKey::random(), Deltas::default());
/// assert!(deltas.push(&scrubber, &key, "it is ghp_0123456789").is_empty());
/// assert!(deltas.push(&scrubber, &key, "abcdefghijklmnopqrstuvwxyz, ok?").is_empty());
/// let settled: Vec<_> = deltas.finish(&scrubber, &key).into_iter().map(|piece| piece.replacement.unwrap()).collect();
/// let token = key.token("github-token", b"ghp_0123456789abcdefghijklmnopqrstuvwxyz");
/// assert_eq!(settled, [format!("it is [GITHUB_TOKEN:{token}]"), ", ok?".to_owned()]);
/// # Ok::<(), scrubbers::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Deltas {
    /// The text that is not settled, behind its context.
    held: String,
    /// How much at the beginning of `held` is context: text that was settled and is looked at once more.
    context: usize,
    /// Pieces that are not settled, oldest first.
    pieces: VecDeque<Piece>,
    /// The number of the first of them.
    first: usize,
    /// Nothing is settled before `held` is this long. Doubles while a text that is not small stays open, so that looking at
    /// all of it again and again takes linear time.
    look_at: usize,
}

/// A piece that will not change any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledPiece {
    /// Its number: 0 for the first that was pushed. They are settled in order.
    pub index: usize,
    /// What stands in its place; `None` if it stays as it is.
    pub replacement: Option<String>,
    /// The secrets that begin in it.
    pub found: Report,
}

/// A piece on its way.
#[derive(Debug)]
struct Piece {
    /// How many bytes of it are in `held`.
    left: usize,
    /// What the rest has become.
    head: String,
    changed: bool,
    found: Report,
}

// === impl Deltas ===

impl Deltas {
    /// Takes the next piece, and returns those that it settles.
    pub fn push(&mut self, scrubber: &Scrubber, key: &PseudonymKey, piece: &str) -> Vec<SettledPiece> {
        self.held.push_str(piece);
        self.pieces.push_back(Piece {
            left: piece.len(),
            head: String::new(),
            changed: false,
            found: Report::default(),
        });
        if self.held.len() > MAX_HELD {
            return self.settle_some(scrubber, key);
        }
        if !self.has_text() || piece.contains('\n') && self.held.len() >= self.look_at {
            return self.settle_known(scrubber, key);
        }
        Vec::new()
    }

    /// Settles everything. What is pushed afterwards is judged as the continuation of what came before.
    pub fn finish(&mut self, scrubber: &Scrubber, key: &PseudonymKey) -> Vec<SettledPiece> {
        let to = self.held.len();
        let hits = scrubber.redactions(&self.held, key);
        self.settle_with_context(to, hits)
    }

    /// Whether no piece waits.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    fn has_text(&self) -> bool {
        self.held.len() > self.context
    }

    /// Settles what the scrubber knows to be independent of what follows.
    fn settle_known(&mut self, scrubber: &Scrubber, key: &PseudonymKey) -> Vec<SettledPiece> {
        if !self.has_text() {
            return self.settle(self.context, Vec::new());
        }
        let to = scrubber.settled(&self.held);
        if to <= self.context {
            self.look_at = if self.held.len() < SMALL { 0 } else { 2 * self.held.len() };
            return Vec::new();
        }
        let hits = scrubber.redactions(&self.held[..to], key);
        let settled = self.settle(to, hits);
        self.held.drain(..to);
        (self.context, self.look_at) = (0, 0);
        settled
    }

    /// Settles as much as the bound demands.
    fn settle_some(&mut self, scrubber: &Scrubber, key: &PseudonymKey) -> Vec<SettledPiece> {
        let mut settled = self.settle_known(scrubber, key);
        if self.held.len() <= MAX_HELD {
            return settled;
        }
        // Whoever sends a large document sends it in few pieces: it may be here to its end.
        if self.context == 0 && json::is_document(&self.held) {
            settled.extend(self.finish(scrubber, key));
            return settled;
        }
        // A secret that begins early and ends late takes a second cut.
        while self.held.len() > MAX_HELD {
            let hits = scrubber.redactions(&self.held, key);
            let to = self.cut(&hits);
            settled.extend(self.settle_with_context(to, hits));
        }
        settled
    }

    /// Where to cut text of which too much is held.
    fn cut(&self, hits: &[Redaction]) -> usize {
        let last = boundary(&self.held, self.held.len() - TAIL);
        let space = self.held[self.context..last].char_indices().rfind(|(_, c)| c.is_whitespace());
        let to = space.map_or(last, |(at, c)| self.context + at + c.len_utf8());
        match hits.iter().find(|hit| hit.range.start < to && to < hit.range.end) {
            Some(hit) if hit.range.start > self.context => hit.range.start,
            Some(hit) => hit.range.end,
            None => to,
        }
    }

    /// Settles everything before `to`, whatever may follow, and keeps what that is to be judged with.
    fn settle_with_context(&mut self, to: usize, hits: Vec<Redaction>) -> Vec<SettledPiece> {
        let near = |at: usize| boundary(&self.held, at.min(to));
        let kept = match hits.iter().find(|hit| hit.range.end == to) {
            // Should it go on, its beginning tells what it is.
            Some(hit) => near(hit.range.start.saturating_sub(CONTEXT))..near(hit.range.start + CONTEXT),
            None => near(to.saturating_sub(CONTEXT))..to,
        };
        let settled = self.settle(to, hits);
        self.context = kept.len();
        self.held.drain(kept.end..to);
        self.held.drain(..kept.start);
        self.look_at = 0;
        settled
    }

    /// Rewrites the pieces up to `to`, which cuts no hit in two.
    fn settle(&mut self, to: usize, hits: Vec<Redaction>) -> Vec<SettledPiece> {
        let (mut settled, mut at, mut gone) = (Vec::new(), self.context, 0);
        let mut hits = hits.into_iter().filter(|hit| self.context < hit.range.end && hit.range.start < to).peekable();
        while let Some(mut piece) = self.pieces.pop_front() {
            let end = to.min(at + piece.left);
            while let Some(hit) = hits.next_if(|hit| hit.range.start < end) {
                let start = hit.range.start.max(at);
                piece.keep(&self.held, at.max(gone)..start);
                piece.head.push_str(&hit.marker);
                piece.found.add(&hit.kind);
                piece.changed = true;
                gone = hit.range.end;
            }
            piece.changed |= at < gone.min(end);
            piece.left -= end - at;
            // What stays whole need not be copied.
            if piece.changed || piece.left > 0 || !piece.head.is_empty() {
                piece.keep(&self.held, at.max(gone)..end);
            }
            at = end;
            if piece.left > 0 {
                self.pieces.push_front(piece);
                break;
            }
            let replacement = piece.changed.then_some(piece.head);
            settled.push(SettledPiece { index: self.first, replacement, found: piece.found });
            self.first += 1;
        }
        settled
    }
}

// === impl Piece ===

impl Piece {
    /// Keeps a range of `text` as it is, if there is anything in it.
    fn keep(&mut self, text: &str, range: Range<usize>) {
        self.head.push_str(text.get(range).unwrap_or_default());
    }
}

/// The last place at or before `at` where `text` can be cut.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;

    const TOKEN: &str = "ghp_0123456789abcdefghijklmnopqrstuvwxyz";

    static KEY: LazyLock<PseudonymKey> = LazyLock::new(|| PseudonymKey::new(&[7; 32]));
    static MARKER: LazyLock<String> =
        LazyLock::new(|| format!("[GITHUB_TOKEN:{}]", KEY.token("github-token", TOKEN.as_bytes())));

    static SCRUBBER: LazyLock<Scrubber> = LazyLock::new(|| Scrubber::builder().build().expect("the table compiles"));

    /// What `pieces` become, each alone; all of them.
    fn scrub<'a>(pieces: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let pieces: Vec<_> = pieces.into_iter().collect();
        let mut deltas = Deltas::default();
        let mut settled: Vec<_> = pieces.iter().flat_map(|piece| deltas.push(&SCRUBBER, &KEY, piece)).collect();
        settled.extend(deltas.finish(&SCRUBBER, &KEY));
        assert!(deltas.is_empty());
        assert!(settled.iter().map(|piece| piece.index).eq(0..pieces.len()), "every piece once and in order");
        settled.into_iter().zip(pieces).map(|(piece, text)| piece.replacement.unwrap_or(text.to_owned())).collect()
    }

    /// `text` in pieces of up to `size` bytes.
    fn cut(text: &str, size: usize) -> Vec<&str> {
        let (mut rest, mut pieces) = (text, Vec::new());
        while !rest.is_empty() {
            let end = (size..rest.len()).find(|&at| rest.is_char_boundary(at)).unwrap_or(rest.len());
            let (piece, after) = rest.split_at(end);
            pieces.push(piece);
            rest = after;
        }
        pieces
    }

    fn pem(lines: usize) -> String {
        let line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";
        format!("-----BEGIN PRIVATE KEY-----\n{}-----END PRIVATE KEY-----\n", format!("{line}\n").repeat(lines))
    }

    #[test]
    fn a_secret_leaves_its_marker_where_it_begins() {
        assert_eq!(
            scrub(["a ghp_0123456789", "abcdefghijklm", "", "nopqrstuvwxyz b"]),
            [format!("a {}", *MARKER), String::new(), String::new(), " b".into()]
        );
        let two = format!("{TOKEN} {TOKEN}");
        assert_eq!(scrub([&two[..50], &two[50..]]), [format!("{0} {0}", *MARKER), String::new()]);
    }

    #[test]
    fn a_line_is_settled_by_its_end() {
        let mut deltas = Deltas::default();
        assert_eq!(deltas.push(&SCRUBBER, &KEY, "").len(), 1);
        assert!(deltas.push(&SCRUBBER, &KEY, "one ghp_0123456789abcdefghijkl").is_empty());
        assert!(deltas.push(&SCRUBBER, &KEY, "").is_empty());
        let settled = deltas.push(&SCRUBBER, &KEY, "mnopqrstuvwxyz\ntwo");
        assert_eq!(settled.iter().map(|piece| piece.index).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(settled[0].replacement.as_deref(), Some(&*format!("one {}", *MARKER)));
        assert_eq!((settled[0].found.count("github-token"), settled[1].replacement.as_deref()), (1, None));
        let settled = deltas.push(&SCRUBBER, &KEY, "\n");
        assert_eq!(settled[0].replacement.as_deref(), Some("\ntwo"), "the piece that reached into the line before");
        assert_eq!(settled.len(), 2);
        assert!(deltas.is_empty());
    }

    #[test]
    fn a_block_and_a_document_are_held_to_their_end() {
        let block = pem(20);
        let mut deltas = Deltas::default();
        let (head, last) = block.split_at(block.len() - 1);
        assert!(cut(head, 7).into_iter().all(|piece| deltas.push(&SCRUBBER, &KEY, piece).is_empty()));
        assert_eq!(deltas.push(&SCRUBBER, &KEY, last).len(), head.len().div_ceil(7) + 1);

        let mut deltas = Deltas::default();
        let document = format!("{{\n\"cookie\":\n\"a=b\",\n\"b\":\"{TOKEN}\"}}\n");
        assert!(cut(&document, 3).into_iter().all(|piece| deltas.push(&SCRUBBER, &KEY, piece).is_empty()));
        assert!(deltas.finish(&SCRUBBER, &KEY)[0].replacement.is_none());
    }

    #[test]
    fn no_more_than_the_bound_is_held_and_nothing_of_a_secret_at_it() {
        let filler = "word ".repeat(2 * MAX_HELD / 5);
        for (before, unit) in
            [(&filler[..0], 1), (&filler[..MAX_HELD - TAIL - 20], 5), (&filler, 100), (&filler, 1 << 20)]
        {
            for secret in [TOKEN.to_owned(), format!("authorization: Bearer {TOKEN}"), pem(20), pem(3000)] {
                let text = format!("{before}{secret}\n{filler}");
                let mut deltas = Deltas::default();
                let mut stored = String::new();
                let pieces = cut(&text, unit);
                let mut keep = |settled: Vec<SettledPiece>| {
                    for piece in settled {
                        stored.push_str(&piece.replacement.unwrap_or(pieces[piece.index].to_owned()));
                    }
                };
                for piece in &pieces {
                    keep(deltas.push(&SCRUBBER, &KEY, piece));
                    assert!(deltas.held.len() <= MAX_HELD);
                }
                keep(deltas.finish(&SCRUBBER, &KEY));
                let lines: BTreeSet<_> = secret.lines().collect();
                for window in lines.into_iter().flat_map(|line| line.as_bytes().windows(12)) {
                    let window = str::from_utf8(window).unwrap();
                    let kept =
                        window.chars().any(|c| !c.is_ascii_alphanumeric()) || "authorizationBearer".contains(window);
                    assert!(kept || !stored.contains(window), "{window} of {} in pieces of {unit}", &secret[..30]);
                }
            }
        }
    }

    #[test]
    fn what_comes_after_the_end_is_judged_with_what_came_before() {
        let mut deltas = Deltas::default();
        let (head, tail) = TOKEN.split_at(38);
        deltas.push(&SCRUBBER, &KEY, head);
        deltas.finish(&SCRUBBER, &KEY);
        deltas.push(&SCRUBBER, &KEY, tail);
        assert_eq!(deltas.finish(&SCRUBBER, &KEY)[0].replacement.as_deref(), Some(&**MARKER));
    }

    #[test]
    fn a_large_document_in_few_pieces_is_judged_as_one() {
        let document = format!("{{\"filler\":\"{}\",\"cookie\":\"harmless value\"}}", "x".repeat(2 * MAX_HELD));
        let joined = scrub([&document[..100], &document[100..]]).concat();
        assert_eq!(joined, SCRUBBER.scrub_text(&document, &KEY));
        assert!(!joined.contains("harmless value"));
    }

    #[test]
    fn work_is_linear_in_hostile_pieces() {
        // Were everything looked at again for each piece, this would take minutes.
        for text in ["-----BEGIN \n".repeat(100_000), "{\n".repeat(500_000), "a".repeat(1_000_000), pem(15_000)] {
            scrub(cut(&text, 2));
        }
    }

    fn text() -> impl Strategy<Value = String> {
        let pieces = vec![
            "\n",
            "\r\n",
            " ",
            "data: ",
            "{",
            "}",
            "[",
            "\"",
            "\\n",
            "-----BEGIN ",
            "-----BEGIN PRIVATE KEY-----\n",
            "-----END PRIVATE KEY-----",
            "-----END",
            "authorization: ",
            "cookie: a=",
            "Bearer ",
            "[JWT:",
            "é漢😀",
            "{\"cookie\":\"a=b\"}",
            "\n{\"cookie\":\"a=b\"}\n",
            TOKEN,
            "sk-proj-",
            "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7",
        ];
        let piece = prop_oneof![
            4 => prop::sample::select(pieces).prop_map(str::to_owned),
            1 => "[ -~]{0,12}",
            1 => "[A-Za-z0-9]{16,40}",
            1 => Just(pem(2)),
        ];
        prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn pieces_become_what_the_whole_becomes(text in text(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20)) {
            let mut cuts: Vec<_> = cuts.iter().map(|cut| boundary(&text, cut.index(text.len() + 1))).collect();
            cuts.sort_unstable();
            let ends = cuts.iter().copied().chain([text.len()]);
            let pieces = [0].into_iter().chain(cuts.iter().copied()).zip(ends).map(|(from, to)| &text[from..to]);
            let whole = SCRUBBER.scrub_text(&text, &KEY);
            prop_assert_eq!(&scrub(pieces).concat(), &*whole);
            prop_assert_eq!(&scrub(cut(&text, 1)).concat(), &*whole);
        }
    }
}
