//! Holds an event back until the secrets that may be split over its deltas and later ones are gone from all of them.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use journal::{Counts, Draft, Entry, EventBody, Journal, Payload, RequestId};
use scrubbers::{Deltas, PseudonymKey, Report, Scrubber, SettledPiece};

use super::ScrubEvents;
use super::deltas::{Content, Delta, End, StreamId};
use super::weight::weight;

/// Bytes of events that are held back, of all requests together. Beyond that the request that waits longest is settled as if
/// its streams ended there. A stream has its own bound, [`scrubbers::MAX_HELD`].
pub(super) const MAX_HELD: usize = 16 << 20;

/// The first of the characters of no meaning that stand for a delta while the rest of its event is scrubbed.
const HOLE: char = '\u{10_0000}';

/// Sits between those who record and the journal: events go in as they happen and come out as they may be kept. Those of a
/// request come out in the order in which they went in; no request waits for another.
///
/// What the worker streams on after `response.finished` waits for the end of its turn like anything else, because its
/// secrets may be split as well.
pub(super) struct Settler {
    scrub: ScrubEvents,
    scrubber: Arc<Scrubber>,
    /// Requests with a stream or an event that waits. What belongs to none and is no delta never waits.
    requests: HashMap<Option<RequestId>, Request>,
    /// What came out.
    settled: VecDeque<Settled>,
    /// Events that wait.
    held: usize,
    /// What they weigh.
    held_bytes: usize,
    /// Events that went in.
    taken: u64,
}

/// An event that can be kept.
pub(super) struct Settled {
    pub(super) draft: Box<Draft>,
    /// Whether it had to wait.
    pub(super) was_held: bool,
    /// The deltas, which are not to be scrubbed alone.
    fills: Vec<Fill>,
}

/// A delta, while a character stands in its place.
struct Fill {
    hole: char,
    /// What belongs there in the event's JSON.
    json: String,
    /// What is gone from it.
    found: Report,
}

#[derive(Default)]
struct Request {
    /// Oldest first.
    waiting: VecDeque<Waiting>,
    /// The number within the request of the first that waits.
    first: usize,
    streams: Vec<Stream>,
    /// Of the day on which it was received; set with the first stream.
    key: Option<Arc<PseudonymKey>>,
}

struct Waiting {
    draft: Box<Draft>,
    /// Its deltas, in order.
    places: Vec<Place>,
    /// How many of them are not settled.
    open: usize,
    weight: usize,
    /// Its number among all events.
    taken: u64,
}

/// A delta in its event.
struct Place {
    range: Range<usize>,
    /// What replaces it, once it is settled.
    replacement: Option<String>,
    /// What is gone from it then.
    found: Report,
}

struct Stream {
    id: StreamId<'static>,
    deltas: Deltas,
    key: Arc<PseudonymKey>,
    /// Event and place of each piece that is not settled.
    pieces: VecDeque<(usize, usize)>,
}

/// What has become of one piece: its event's number, and its place in there.
struct Rewritten {
    event: usize,
    place: usize,
    piece: SettledPiece,
}

// === impl Settler ===

impl Settler {
    pub(super) fn new(scrub: ScrubEvents) -> Self {
        let (requests, settled, scrubber) = (HashMap::new(), VecDeque::new(), scrub.scrubber.clone());
        Self { scrub, scrubber, requests, settled, held: 0, held_bytes: 0, taken: 0 }
    }

    /// Takes the next event. What comes out is to be had from [`next`](Self::next).
    pub(super) fn take(&mut self, draft: Box<Draft>, journal: &Journal) {
        self.taken += 1;
        let id = draft.request;
        // Where all of it goes, no secret can be split.
        if id.is_some() && self.scrub.drops_content_of(id) {
            return self.settled.push_back(Settled::at_once(draft));
        }
        let is_known = self.requests.contains_key(&id);
        let content = Content::of(&draft.body, is_known);
        if let [end @ End::Worker { .. }] = &content.ends[..] {
            self.end_everywhere(end);
        }
        if content.deltas.is_empty() && !is_known {
            return self.settled.push_back(Settled::at_once(draft));
        }
        let request = self.requests.entry(id).or_default();
        let key = || pseudonym_key(journal, &draft);
        let (places, mut rewritten) = request.push(content.deltas, key, &self.scrubber);
        rewritten.extend(request.end(|stream| content.ends.iter().any(|end| end.ends(stream)), &self.scrubber));
        if matches!(draft.body, EventBody::ResponseFinished(_)) {
            rewritten.extend(request.end(|stream| !stream.is_of_worker(), &self.scrubber));
            rewritten.extend(request.finish(&self.scrubber));
        }
        if id.is_none() && places.is_empty() {
            request.rewrite(rewritten);
            self.release(id);
            return self.settled.push_back(Settled::at_once(draft));
        }
        let (open, weight) = (places.len(), weight(&draft.body));
        request.waiting.push_back(Waiting { draft, places, open, weight, taken: self.taken });
        request.rewrite(rewritten);
        self.held += 1;
        self.held_bytes += weight;
        self.release(id);
        while self.held_bytes > MAX_HELD && self.settle_oldest() {}
    }

    /// The next event that can be kept.
    pub(super) fn next(&mut self) -> Option<Settled> {
        self.settled.pop_front()
    }

    /// How many events wait.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Settles everything that went in for a request, as if its streams ended here.
    pub(super) fn settle(&mut self, id: Option<RequestId>) {
        if let Some(request) = self.requests.get_mut(&id) {
            let rewritten = request.finish(&self.scrubber);
            request.rewrite(rewritten);
            self.release(id);
        }
    }

    /// The same for all requests.
    pub(super) fn settle_all(&mut self) {
        while self.settle_oldest() {}
    }

    /// The same for the request that waits longest, if any does.
    fn settle_oldest(&mut self) -> bool {
        let waiting = self.requests.iter().filter_map(|(id, request)| Some((request.waiting.front()?.taken, *id)));
        let Some((_, oldest)) = waiting.min() else { return false };
        self.settle(oldest);
        true
    }

    /// Ends streams of any request.
    fn end_everywhere(&mut self, end: &End<'_>) {
        let ids: Vec<_> = self.requests.keys().copied().collect();
        for id in ids {
            if let Some(request) = self.requests.get_mut(&id) {
                let rewritten = request.end(|stream| end.ends(stream), &self.scrubber);
                request.rewrite(rewritten);
                self.release(id);
            }
        }
    }

    /// Lets the events of a request out up to the first that has to wait.
    fn release(&mut self, id: Option<RequestId>) {
        let Some(request) = self.requests.get_mut(&id) else { return };
        while request.waiting.front().is_some_and(|event| event.open == 0)
            && let Some(event) = request.waiting.pop_front()
        {
            request.first += 1;
            self.held -= 1;
            self.held_bytes -= event.weight;
            self.settled.push_back(Settled::new(event, self.taken));
        }
        if request.waiting.is_empty() && request.streams.is_empty() {
            self.requests.remove(&id);
        }
    }
}

// === impl Request ===

impl Request {
    /// Takes the deltas of the event that is about to wait as the last one. Returns their places, and what they settle.
    fn push(
        &mut self,
        deltas: Vec<Delta<'_>>,
        key: impl Fn() -> Arc<PseudonymKey>,
        scrubber: &Scrubber,
    ) -> (Vec<Place>, Vec<Rewritten>) {
        let event = self.first + self.waiting.len();
        let (mut places, mut rewritten) = (Vec::with_capacity(deltas.len()), Vec::new());
        for Delta { stream: id, range, text } in deltas {
            let known = self.streams.iter().position(|stream| stream.id == id);
            let stream = known.unwrap_or_else(|| {
                let key = Arc::clone(self.key.get_or_insert_with(&key));
                let (deltas, pieces) = (Deltas::default(), VecDeque::new());
                self.streams.push(Stream { id: id.into_owned(), deltas, key, pieces });
                self.streams.len() - 1
            });
            let stream = &mut self.streams[stream];
            stream.pieces.push_back((event, places.len()));
            places.push(Place { range, replacement: None, found: Report::default() });
            let settled = stream.deltas.push(scrubber, &stream.key, &text);
            rewritten.extend(stream.rewritten(settled));
        }
        (places, rewritten)
    }

    /// Ends streams for good.
    fn end(&mut self, ends: impl Fn(&StreamId<'_>) -> bool, scrubber: &Scrubber) -> Vec<Rewritten> {
        let ended = self.streams.extract_if(.., |stream| ends(&stream.id));
        ended.flat_map(|mut stream| stream.finish(scrubber)).collect()
    }

    /// Settles every stream as far as it came. What follows is judged with its end.
    fn finish(&mut self, scrubber: &Scrubber) -> Vec<Rewritten> {
        self.streams.iter_mut().flat_map(|stream| stream.finish(scrubber)).collect()
    }

    fn rewrite(&mut self, rewritten: Vec<Rewritten>) {
        for Rewritten { event, place, piece } in rewritten {
            let event = &mut self.waiting[event - self.first];
            event.open -= 1;
            let place = &mut event.places[place];
            (place.replacement, place.found) = (piece.replacement, piece.found);
        }
    }
}

// === impl Stream ===

impl Stream {
    fn finish(&mut self, scrubber: &Scrubber) -> Vec<Rewritten> {
        let settled = self.deltas.finish(scrubber, &self.key);
        self.rewritten(settled)
    }

    fn rewritten(&mut self, settled: Vec<SettledPiece>) -> Vec<Rewritten> {
        let pieces = self.pieces.drain(..settled.len());
        pieces.zip(settled).map(|((event, place), piece)| Rewritten { event, place, piece }).collect()
    }
}

// === impl Settled ===

impl Settled {
    fn at_once(draft: Box<Draft>) -> Self {
        Self { draft, was_held: false, fills: Vec::new() }
    }

    fn new(event: Waiting, taken: u64) -> Self {
        let Waiting { mut draft, places, taken: number, .. } = event;
        let fills = if places.is_empty() { Vec::new() } else { take_out(&mut draft.body, places) };
        Self { draft, was_held: number != taken, fills }
    }

    /// Scrubs what is not settled yet: all but the deltas.
    pub(super) fn entry(&self, journal: &Journal) -> Result<Entry, journal::Error> {
        if self.fills.is_empty() {
            return journal.entry(&self.draft);
        }
        journal.entry_around(&self.draft, |scrub, key, json| {
            let around = scrub.scrub(key, json);
            self.fill(json);
            let within = self.fills.iter().flat_map(|fill| fill.found.iter());
            around.iter().chain(within.map(|(kind, count)| (kind, count as u64))).collect::<Counts>()
        })
    }

    /// Puts the deltas back.
    fn fill(&self, json: &mut String) {
        for Fill { hole, json: fill, .. } in &self.fills {
            // If the scrubber took even this away, nothing belongs there.
            if let Some(at) = json.find(*hole) {
                json.replace_range(at..at + hole.len_utf8(), fill);
            }
        }
    }
}

/// The key for the pseudonyms in an event. Without one no two of its secrets can be told to be the same, and that is all.
fn pseudonym_key(journal: &Journal, draft: &Draft) -> Arc<PseudonymKey> {
    let key = journal.day_key(draft).map_or_else(|_| PseudonymKey::random(), |key| PseudonymKey::new(key.as_bytes()));
    Arc::new(key)
}

/// Takes the deltas out of an event.
fn take_out(body: &mut EventBody, places: Vec<Place>) -> Vec<Fill> {
    match body {
        EventBody::RpcReceived(frame) => {
            let text = str::from_utf8(&frame.frame.0).expect("deltas are only looked for in text");
            let (rest, fills) = split(text, places);
            frame.frame = Payload(Bytes::from(rest));
            fills
        }
        EventBody::ResponseChunk { bytes } => {
            let (rest, mut fills) = split(bytes, places);
            *bytes = rest;
            // There the JSON stands in a string of JSON.
            for fill in &mut fills {
                fill.json = escaped(&fill.json);
            }
            fills
        }
        _ => Vec::new(),
    }
}

/// `text` with holes at `places`, and what belongs there.
fn split(text: &str, places: Vec<Place>) -> (String, Vec<Fill>) {
    let holes = (HOLE..).filter(|hole| !text.contains(*hole));
    let (mut rest, mut at) = (String::with_capacity(text.len()), 0);
    let fills = places.into_iter().zip(holes).map(|(Place { range, replacement, found }, hole)| {
        rest.push_str(&text[at..range.start]);
        rest.push(hole);
        at = range.end;
        let json = replacement.map_or_else(|| text[range].to_owned(), |replacement| escaped(&replacement));
        Fill { hole, json, found }
    });
    let fills = fills.collect();
    rest.push_str(&text[at..]);
    (rest, fills)
}

/// `text` as the content of a JSON string.
fn escaped(text: &str) -> String {
    let quoted = serde_json::to_string(text).expect("text serialises");
    quoted[1..quoted.len() - 1].to_owned()
}
