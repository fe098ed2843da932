//! Where answers come from: the running service, else the folder.

use std::time::{Duration, Instant};

use codex_completions_api::admin::operation::Rows;
use codex_completions_api::admin::{Ask, Call, Operation, OperationError};
use journal::Query;
use serde::de::DeserializeOwned;

use crate::failure::Failure;
use crate::settings::Settings;
use crate::{folder, note, remote, socket};

/// How long to wait for a journal that somebody owns without answering: another `codex-trace`, or a service that is just
/// starting or ending.
const OWNER_WAIT: Duration = Duration::from_secs(1);

/// The pause between two tries.
const OWNER_PAUSE: Duration = Duration::from_millis(20);

/// The journal of one state folder.
pub(crate) struct Source {
    settings: Settings,
}

/// An answer: lines of JSON, without line ends.
pub(crate) struct Lines {
    answer: Answer,
    nothing_found: String,
    /// For an answer that goes on with what happens: what to say when it does not any longer.
    follow: Option<String>,
}

enum Answer {
    Socket(socket::Answer),
    Remote(remote::Answer),
    Folder(journal::Answer),
    Operated(Rows),
    /// At most `left` lines of `all`, of those that are wanted.
    Some {
        all: Box<Answer>,
        wanted: Box<dyn Fn(&str) -> bool + Send>,
        left: usize,
    },
}

// === impl Source ===

impl Source {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// Where the service is reached, as it is configured.
    pub(crate) fn base_url(&self) -> String {
        self.settings.base_url()
    }

    /// Begins the answer to `query`.
    pub(crate) fn read(&self, query: Query) -> Result<Lines, Failure> {
        self.ask(&Ask { query, follow: false })
    }

    /// The same, and then what happens from now on, for as long as a service runs.
    pub(crate) fn follow(&self, query: Query) -> Result<Lines, Failure> {
        self.ask(&Ask { query, follow: true })
    }

    /// Runs `operation` and begins to tell what comes of it.
    pub(crate) fn operate(&self, operation: &Operation) -> Result<Lines, Failure> {
        let folder = || folder::operate(&self.settings, operation.clone()).map(Answer::Operated);
        let answer = self.wait_for(&Call::from(operation), folder)?;
        let place = self.settings.place();
        let nothing_found = match operation {
            Operation::Holds => format!("no hold is in force in {place}"),
            Operation::Segments => format!("no segment in {place} yet"),
            _ => format!("no answer from {place}"),
        };
        Ok(Lines { answer, nothing_found, follow: None })
    }

    fn ask(&self, ask: &Ask) -> Result<Lines, Failure> {
        let folder = || Ok(Answer::Folder(folder::ask(&self.settings, &ask.query)?));
        let answer = self.wait_for(&Call::from(ask), folder)?;
        let ended = match answer {
            Answer::Socket(_) | Answer::Remote(_) => "codex-proxy has ended, so nothing more follows".to_owned(),
            _ => format!("no codex-proxy runs on {}, so nothing follows", self.settings.state_dir.display()),
        };
        let nothing_found = self.nothing_found(&ask.query);
        Ok(Lines { answer, nothing_found, follow: ask.follow.then_some(ended) })
    }

    /// Asks the service, or the folder if there is none.
    fn wait_for(&self, call: &Call, folder: impl Fn() -> Result<Answer, OperationError>) -> Result<Answer, Failure> {
        if let Some(remote) = &self.settings.remote {
            return Ok(Answer::Remote(remote.ask(call.clone())?));
        }
        let deadline = Instant::now() + OWNER_WAIT;
        loop {
            let asked = socket::ask(&self.settings.state_dir, call.clone())?;
            if let socket::Asked::Answer(answer) = asked {
                return Ok(Answer::Socket(answer));
            }
            match folder() {
                Err(OperationError::Journal(locked @ journal::Error::Locked { .. })) => {
                    if Instant::now() >= deadline {
                        return Err(Failure::NoAccess(format!("{locked}\n{}", asked.explanation())));
                    }
                    std::thread::sleep(OWNER_PAUSE);
                }
                answer => return Ok(answer?),
            }
        }
    }

    fn nothing_found(&self, query: &Query) -> String {
        let place = self.settings.place();
        match query {
            Query::List { filter, .. } if !filter.to_string().is_empty() => {
                format!("no finished request in {place} is like that; `codex-trace list` shows all of them")
            }
            Query::Search { .. } => format!("it is found in no event in {place}"),
            Query::List { .. } => {
                format!("no finished request in {place} yet; `codex-trace events` shows what else happened")
            }
            Query::Events { request: None, .. } | Query::Tail { .. } => format!("no such events in {place}"),
            Query::Events { request: Some(id), .. } | Query::Show { request: id } => {
                format!("no events of request {id} in {place}; `codex-trace list` shows which requests there are")
            }
        }
    }
}

// === impl Lines ===

impl Lines {
    /// Whether whoever reads wants to see each line at once.
    pub(crate) fn is_live(&self) -> bool {
        self.follow.is_some()
    }

    /// Of these lines at most `limit` that are `wanted`; `nothing_found` is to be said if there is none.
    pub(crate) fn only(
        self,
        wanted: impl Fn(&str) -> bool + Send + 'static,
        limit: Option<usize>,
        nothing_found: String,
    ) -> Self {
        let (all, wanted) = (Box::new(self.answer), Box::new(wanted));
        Self { answer: Answer::Some { all, wanted, left: limit.unwrap_or(usize::MAX) }, nothing_found, ..self }
    }

    /// Hands every line to `take`. What cannot be read of the journal is reported on the way and fails at the end, and so
    /// does an answer without a line.
    pub(crate) fn each(self, mut take: impl FnMut(&str) -> Result<(), Failure>) -> Result<(), Failure> {
        let (mut found, mut damaged) = (false, false);
        for line in self.answer {
            match line.and_then(|line| take(&line)) {
                Ok(()) => found = true,
                Err(Failure::Damaged(what)) => {
                    note(&what);
                    damaged = true;
                }
                Err(failure) => return Err(failure),
            }
        }
        if let Some(ended) = self.follow {
            note(&ended);
        }
        if damaged {
            return Err(Failure::Damaged("the journal is damaged; what could be read was printed".to_owned()));
        }
        if found { Ok(()) } else { Err(Failure::NothingFound(self.nothing_found)) }
    }
}

impl Lines {
    /// The answer, if it is one document: as it stands, and read.
    pub(crate) fn document<T: DeserializeOwned>(mut self) -> Result<(String, T), Failure> {
        let text = self.answer.next().unwrap_or(Err(Failure::NoAccess(self.nothing_found)))?;
        let document = serde_json::from_str(&text).map_err(|error| {
            let what = "the answer is not what was expected; are codex-trace and codex-proxy of the same version?";
            Failure::NoAccess(format!("{what} ({error})"))
        })?;
        Ok((text, document))
    }
}

impl Iterator for Answer {
    type Item = Result<String, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Socket(answer) => answer.next(),
            Self::Remote(answer) => answer.next(),
            Self::Folder(answer) => {
                // What cannot be read once the journal is open is damaged, whatever the system calls it.
                answer.next().map(|line| line.map_err(|error| Failure::Damaged(error.to_string())))
            }
            Self::Operated(rows) => rows.next().map(|row| Ok(row?)),
            Self::Some { left: 0, .. } => None,
            Self::Some { all, wanted, left } => {
                let line = all.find(|line| line.as_ref().map_or(true, |line| wanted(line)));
                *left -= usize::from(matches!(line, Some(Ok(_))));
                line
            }
        }
    }
}
