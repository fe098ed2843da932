//! Where answers come from: the running service, else the folder.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use codex_completions_api::admin::Ask;
use journal::Query;

use crate::failure::Failure;
use crate::{folder, note, socket};

/// How long to wait for a journal that somebody owns without answering: another `codex-trace`, or a service that is just
/// starting or ending.
const OWNER_WAIT: Duration = Duration::from_secs(1);

/// The pause between two tries.
const OWNER_PAUSE: Duration = Duration::from_millis(20);

/// The journal of one state folder.
pub(crate) struct Source {
    state_dir: PathBuf,
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
    Folder(journal::Answer),
}

// === impl Source ===

impl Source {
    pub(crate) fn new(state_dir: PathBuf) -> Self {
        Self { state_dir }
    }

    /// Begins the answer to `query`.
    pub(crate) fn read(&self, query: Query) -> Result<Lines, Failure> {
        self.ask(Ask { query, follow: false })
    }

    /// The same, and then what happens from now on, for as long as a service runs.
    pub(crate) fn follow(&self, query: Query) -> Result<Lines, Failure> {
        self.ask(Ask { query, follow: true })
    }

    fn ask(&self, ask: Ask) -> Result<Lines, Failure> {
        let deadline = Instant::now() + OWNER_WAIT;
        let answer = loop {
            let asked = socket::ask(&self.state_dir, &ask)?;
            if let socket::Asked::Answer(answer) = asked {
                break Answer::Socket(answer);
            }
            match folder::ask(&self.state_dir, &ask.query) {
                Ok(answer) => break Answer::Folder(answer),
                Err(journal::Error::Locked { .. }) if Instant::now() < deadline => std::thread::sleep(OWNER_PAUSE),
                Err(locked @ journal::Error::Locked { .. }) => {
                    return Err(Failure::NoAccess(format!("{locked}\n{}", asked.explanation())));
                }
                Err(error) => return Err(error.into()),
            }
        };
        let ended = match answer {
            Answer::Socket(_) => "codex-proxy has ended, so nothing more follows".to_owned(),
            Answer::Folder(_) => format!("no codex-proxy runs on {}, so nothing follows", self.state_dir.display()),
        };
        let nothing_found = self.nothing_found(&ask.query);
        Ok(Lines { answer, nothing_found, follow: ask.follow.then_some(ended) })
    }

    fn nothing_found(&self, query: &Query) -> String {
        let place = self.state_dir.display();
        match query {
            Query::List { .. } => {
                format!("no finished request in {place} yet; `codex-trace events` shows what else happened")
            }
            Query::Events { request: None, .. } | Query::Tail { .. } => format!("no such events in {place}"),
            Query::Events { request: Some(id), .. } | Query::Show { request: id } => format!(
                "no events of request {id} in {place}; they may be past their time (retention.content_ttl), or of another \
                 service; `codex-trace list` shows which requests there are"
            ),
        }
    }
}

// === impl Lines ===

impl Lines {
    /// Whether whoever reads wants to see each line at once.
    pub(crate) fn is_live(&self) -> bool {
        self.follow.is_some()
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

impl Iterator for Answer {
    type Item = Result<String, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Socket(answer) => answer.next(),
            Self::Folder(answer) => {
                // What cannot be read once the journal is open is damaged, whatever the system calls it.
                answer.next().map(|line| line.map_err(|error| Failure::Damaged(error.to_string())))
            }
        }
    }
}
