//! What can be asked of a journal, by whoever has it open for somebody else.
//!
//! The service answers through its control socket and `codex-trace` from the folder; both run the same [`Query`].

use ring::digest::{SHA256, digest};

use crate::error::Error;
use crate::event::{AuditRead, RequestId};
use crate::events::{Events, Selection};
use crate::filter::Filter;
use crate::reader::Reader;
use crate::search::{Pattern, Scope, Search};
use crate::summaries::Summaries;

/// What somebody wants to read. Each one is an `audit.read` event, which [`audit`](Self::audit) makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// Summaries of finished requests, newest first.
    List {
        /// Only those that it matches.
        filter: Filter,
        /// How many at most.
        limit: Option<usize>,
        /// Only those behind this one: the last row of the page before.
        before: Option<RequestId>,
    },
    /// Events in order.
    Events {
        /// Only those of this request.
        request: Option<RequestId>,
        /// The first sequence number wanted.
        from_seq: u64,
    },
    /// All events of one request.
    Show {
        /// The request.
        request: RequestId,
    },
    /// The newest events, in order.
    Tail {
        /// How many at most.
        last: u64,
    },
    /// Events in which something is found, newest first.
    Search {
        /// What.
        pattern: Pattern,
        /// Among which.
        scope: Scope,
    },
}

/// The answer to a [`Query`]: lines of JSON without line ends, summaries or events. They are read as the iterator goes, so
/// that an answer of any length takes little memory. An error stands for what could not be read; the iterator goes on after
/// it.
pub struct Answer {
    rows: Rows,
    next_seq: u64,
}

enum Rows {
    Summaries(Summaries),
    Events(Events),
    Search(Search),
}

// === impl Query ===

impl Query {
    /// Begins to answer, from what can be read at this moment.
    pub fn run(&self, reader: &Reader) -> Result<Answer, Error> {
        let head = reader.head();
        let events =
            |request, from_seq| Rows::Events(reader.events(Selection { request, from_seq, to_seq: Some(head) }));
        let rows = match self {
            Self::List { filter, limit, before } => {
                Rows::Summaries(reader.matching_summaries(filter.clone(), *limit, *before)?)
            }
            Self::Events { request, from_seq } => events(*request, *from_seq),
            Self::Show { request } => events(Some(*request), 0),
            Self::Tail { last } => events(None, (head + 1).saturating_sub(*last)),
            Self::Search { pattern, scope } => Rows::Search(reader.search(pattern.clone(), *scope)),
        };
        Ok(Answer { rows, next_seq: head + 1 })
    }

    /// The request whose events are wanted, if it is only one.
    pub fn request(&self) -> Option<RequestId> {
        match *self {
            Self::Events { request, .. } => request,
            Self::Show { request } => Some(request),
            Self::List { .. } | Self::Tail { .. } | Self::Search { .. } => None,
        }
    }

    /// What is to be recorded before an answer is given: `actor` reads, through `via` (`socket` or `folder`).
    pub fn audit(&self, actor: String, via: &str) -> AuditRead {
        let mut filter = Vec::new();
        filter.extend(self.request().map(|id| format!("request={id}")));
        let action = match self {
            Self::List { filter: wanted, limit, before } => {
                filter.extend(Some(wanted.to_string()).filter(|words| !words.is_empty()));
                filter.extend(before.map(|id| format!("before={id}")));
                filter.extend(limit.map(|limit| format!("limit={limit}")));
                "list"
            }
            Self::Events { from_seq, .. } => {
                filter.extend((*from_seq > 0).then(|| format!("from={from_seq}")));
                "events"
            }
            Self::Show { .. } => "show",
            Self::Tail { last } => {
                filter.push(format!("last={last}"));
                "tail"
            }
            Self::Search { pattern, scope } => {
                // Not the text: who searches for what somebody said quotes it, and the ledger keeps no content.
                let digest = digest(&SHA256, pattern.text().as_bytes());
                filter.push(format!("{}=sha256:{}", pattern.syntax().as_str(), hex::encode(digest)));
                filter.extend(scope.since.map(|since| format!("since={since}")));
                filter.extend(scope.until.map(|until| format!("until={until}")));
                filter.extend(scope.before.map(|seq| format!("before={seq}")));
                filter.extend(scope.limit.map(|limit| format!("limit={limit}")));
                "search"
            }
        };
        AuditRead { actor, action: action.to_owned(), filter: filter.join(" "), via: via.to_owned() }
    }
}

// === impl Answer ===

impl Answer {
    /// The first sequence number that was not yet written when the answer began: where a question for what follows starts.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }
}

impl Iterator for Answer {
    type Item = Result<String, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.rows {
            Rows::Summaries(summaries) => {
                Some(summaries.next()?.map(|summary| serde_json::to_string(&summary).expect("a summary is plain data")))
            }
            Rows::Events(events) => Some(events.next()?.map(|line| line.text)),
            Rows::Search(search) => Some(search.next()?.map(|line| line.text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::{Draft, EventBody, Journal, NoScrub, Options, Syntax};

    fn journal_of(events: &[(Option<RequestId>, usize)]) -> (tempfile::TempDir, Journal) {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path(), Options::default(), Arc::new(NoScrub)).unwrap();
        for (request, requests_cut) in events {
            let body = EventBody::ServiceStopped { requests_cut: *requests_cut };
            journal.append(&Draft { at: Timestamp::UNIX_EPOCH, request: *request, body }).unwrap();
        }
        journal.flush().unwrap();
        (dir, journal)
    }

    fn numbers(query: &Query, reader: &Reader) -> Vec<u64> {
        let seq = |line: Result<String, Error>| serde_json::from_str::<crate::Event>(&line.unwrap()).unwrap().seq;
        query.run(reader).unwrap().map(seq).collect()
    }

    #[test]
    fn each_query_reads_its_part() {
        let (one, other) = (RequestId::generate(), RequestId::generate());
        let (_dir, journal) = journal_of(&[(Some(one), 1), (Some(other), 2), (None, 3), (Some(one), 4)]);
        let reader = journal.reader();
        assert_eq!(numbers(&Query::Events { request: None, from_seq: 0 }, &reader), [1, 2, 3, 4, 5]);
        assert_eq!(numbers(&Query::Events { request: Some(one), from_seq: 3 }, &reader), [5]);
        assert_eq!(numbers(&Query::Show { request: one }, &reader), [2, 5]);
        assert_eq!(numbers(&Query::Tail { last: 2 }, &reader), [4, 5]);
        assert_eq!(numbers(&Query::Tail { last: 99 }, &reader), [1, 2, 3, 4, 5]);
        let pattern = Pattern::try_new(r#""requests_cut":[24]"#, Syntax::Regex).unwrap();
        assert_eq!(numbers(&Query::Search { pattern, scope: Scope::default() }, &reader), [5, 3]);
        let all = Query::List { filter: Filter::default(), limit: None, before: None };
        assert_eq!(all.run(&reader).unwrap().count(), 0);
    }

    #[test]
    fn what_follows_an_answer_neither_repeats_nor_skips() {
        let (_dir, mut journal) = journal_of(&[(None, 1)]);
        let reader = journal.reader();
        let answer = Query::Tail { last: 10 }.run(&reader).unwrap();
        let body = EventBody::ServiceStopped { requests_cut: 2 };
        journal.append(&Draft { at: Timestamp::UNIX_EPOCH, request: None, body }).unwrap();
        journal.flush().unwrap();
        let next_seq = answer.next_seq();
        assert_eq!(answer.count(), 2);
        assert_eq!(numbers(&Query::Events { request: None, from_seq: next_seq }, &reader), [3]);
    }

    #[test]
    fn the_audit_says_who_read_what() {
        let id: RequestId = "0197a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b".parse().unwrap();
        let audit = |query: Query| {
            let read = query.audit("uid:7".to_owned(), "socket");
            assert_eq!((read.actor.as_str(), read.via.as_str()), ("uid:7", "socket"));
            format!("{} {}", read.action, read.filter)
        };
        let list = |filter, limit, before| audit(Query::List { filter, limit, before });
        assert_eq!(list(Filter::default(), None, None), "list ");
        let filter = Filter { status: Some(500), ..Filter::default() };
        assert_eq!(list(filter, Some(3), Some(id)), format!("list status=500 before={id} limit=3"));
        assert_eq!(audit(Query::Events { request: None, from_seq: 0 }), "events ");
        assert_eq!(audit(Query::Events { request: Some(id), from_seq: 9 }), format!("events request={id} from=9"));
        assert_eq!(audit(Query::Show { request: id }), format!("show request={id}"));
        assert_eq!(audit(Query::Tail { last: 10 }), "tail last=10");
        let pattern = Pattern::try_new("a \"b\"", Syntax::Literal).unwrap();
        let scope = Scope { since: Some(Timestamp::UNIX_EPOCH), before: Some(9), limit: Some(3), ..Scope::default() };
        // printf 'a "b"' | sha256sum
        let sha256 = "34838019aa8c62fc1e516dc70842c1cf60be9f8d3fde2191c628ce257ce2115b";
        let words = format!("search literal=sha256:{sha256} since=1970-01-01T00:00:00Z before=9 limit=3");
        assert_eq!(audit(Query::Search { pattern, scope }), words);
    }
}
