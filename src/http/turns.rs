//! The turns of one request, followed together from their start: pieces of the answer, and everything that can end the waiting.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use journal::{EventBody, RequestId, Tokens};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::error::ApiError;
use super::exchange::Exchange;
use crate::backend::app_server::instructions::{self, Instructions};
use crate::backend::{Backend, BackendKind, Turn, TurnStartError};
use crate::gateway::queue::Places;
use crate::openai::chat::answer::{Answer, AnswerEnd, Piece};
use crate::openai::chat::rules::Rules;
use crate::openai::chat::tool_choice::Demand;
use crate::openai::tokens;
use crate::turn::{FailureKind, TurnFailure, TurnPlan};

/// How long an interrupted turn may take to say that it ended; Codex takes about 2 ms. Frames that come later belong to no
/// request.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);

/// A worker that was lost is back within this time, or the request is not worth waiting with.
const RECOVERY_LIMIT: Duration = Duration::from_secs(10);

/// The turns of one request and the answers that grow from them. Dropping it interrupts what still runs.
pub struct Turns {
    backend: Arc<Backend>,
    job: Arc<Job>,
    starting: Option<Starting>,
    running: Vec<Turn>,
    answers: Vec<Answer>,
    /// Choices that start over, by their index: their model did not make the call that it had to make.
    again: Vec<(usize, Starting)>,
    /// The choices that did so.
    hinted: Vec<usize>,
    /// The places on the worker, given back as soon as it is done.
    places: Option<Places>,
    limits: Limits,
    last_event: Instant,
    last_call: Instant,
    /// Whether a piece of an answer came.
    begun: bool,
    retried: bool,
}

/// What is to be run.
#[derive(Debug, Clone)]
pub struct Job {
    /// For which request.
    pub request: RequestId,
    /// Of each turn.
    pub plan: TurnPlan,
    /// How many turns.
    pub turns: usize,
    /// What the answers follow.
    pub rules: Arc<Rules>,
    /// Where all its turns run, whatever is active meanwhile.
    pub kind: BackendKind,
}

/// What ends the waiting for a worker.
#[derive(Debug, Clone)]
pub struct Limits {
    /// When the request as a whole must be done.
    pub deadline: Instant,
    /// The longest silence of the worker before the first piece of an answer.
    pub first: Duration,
    /// The longest silence from then on.
    pub idle: Duration,
    /// Cancelled when running requests must end because the service does.
    pub cut: CancellationToken,
}

/// What happened next.
#[derive(Debug)]
pub enum Step {
    /// The answer at this index has a new piece; an end in it is that choice's end.
    Piece(usize, Piece),
    /// Nobody is left to read.
    ClientGone,
    /// The answers will not be complete.
    Failed(ApiError),
}

type Starting = Pin<Box<dyn Future<Output = Result<Vec<Turn>, TurnStartError>> + Send>>;

/// What the worker, or the way to it, came up with.
enum Progress {
    Piece(usize, Piece),
    Failed(ApiError),
}

// === impl Turns ===

impl Turns {
    /// Starts the turns of `job` in these places.
    pub fn start(backend: Arc<Backend>, job: Job, places: Places, limits: Limits) -> Self {
        let job = Arc::new(job);
        let starting = start(backend.clone(), job.clone());
        Self {
            backend,
            job,
            starting: Some(Box::pin(starting)),
            running: Vec::new(),
            answers: Vec::new(),
            again: Vec::new(),
            hinted: Vec::new(),
            places: Some(places),
            limits,
            last_event: Instant::now(),
            last_call: Instant::now(),
            begun: false,
            retried: false,
        }
    }

    /// Waits for what happens next. Safe to cancel.
    ///
    /// A worker that is lost before the client got a byte is no event: the turns are started once more on the next one.
    pub async fn next(&mut self, exchange: &mut Exchange) -> Step {
        loop {
            // Pieces that wait to be read must not put the deadline off.
            if Instant::now() >= self.limits.deadline {
                return Step::Failed(ApiError::RequestTimeout);
            }
            let idle = self.idle_end();
            let burst =
                self.answers.iter().any(Answer::awaits_calls).then(|| self.last_call + self.job.rules.output.grace);
            let (deadline, cut) = (self.limits.deadline, self.limits.cut.clone());
            let progress = tokio::select! {
                biased;
                progress = poll_fn(|cx| self.poll_progress(cx)) => progress,
                () = exchange.client_gone() => return Step::ClientGone,
                () = cut.cancelled() => Progress::Failed(ApiError::ShuttingDown),
                // What came meanwhile may have been no piece of the answer yet.
                () = sleep_until(idle) => if self.idle_end() > idle { continue } else { Progress::Failed(ApiError::IdleTimeout) },
                () = sleep_until(deadline) => Progress::Failed(ApiError::RequestTimeout),
                () = sleep_until(burst.unwrap_or(deadline)), if burst.is_some() => {
                    for answer in &mut self.answers {
                        answer.stop_waiting();
                    }
                    continue;
                }
            };
            match progress {
                Progress::Failed(ApiError::WorkerExited) if !self.retried && exchange.is_waiting() => self.retry(),
                Progress::Failed(ApiError::Turn(failure)) if self.wants_own_instructions(&failure, exchange).await => {
                    self.start_again();
                }
                Progress::Failed(error) => return Step::Failed(error),
                Progress::Piece(index, piece) => {
                    self.begun = true;
                    if matches!(piece, Piece::Call { .. }) {
                        self.last_call = Instant::now();
                    }
                    return Step::Piece(index, piece);
                }
            }
        }
    }

    /// When the worker has been silent for too long.
    fn idle_end(&self) -> Instant {
        self.last_event + if self.begun { self.limits.idle } else { self.limits.first }
    }

    /// Whether every answer has its end.
    pub fn are_complete(&self) -> bool {
        !self.answers.is_empty() && self.answers.iter().all(Answer::is_complete)
    }

    /// Usage of all answers so far; `None` while the worker has reported none.
    pub fn tokens(&self) -> Option<Tokens> {
        let mut sum = Tokens::default();
        for answer in &self.answers {
            sum += answer.tokens();
        }
        Some(sum).filter(|sum| *sum != Tokens::default())
    }

    /// Counts the usage of answers that ended on our account before the worker reported it, as nobody else will.
    pub async fn count_usage(&mut self) {
        if !self.answers.iter().any(Answer::lacks_usage) {
            return;
        }
        let (job, mut answers) = (self.job.clone(), std::mem::take(&mut self.answers));
        let counting = tokio::task::spawn_blocking(move || {
            let prompt = u64::try_from(tokens::count_items(&job.plan.items)).unwrap_or(u64::MAX);
            for answer in &mut answers {
                answer.count_usage(prompt);
            }
            answers
        });
        self.answers = counting.await.unwrap_or_default();
    }

    /// Whether usage was counted here, for some of the answers at least.
    pub fn usage_is_counted(&self) -> bool {
        self.answers.iter().any(Answer::is_counted)
    }

    /// The worker they run on, once they do.
    pub fn worker(&self) -> Option<Arc<str>> {
        self.running.first().map(|turn| turn.worker().clone())
    }

    /// Ends what still runs and waits for it, so that the last frame of the request is on record before its end is. Gives
    /// the answers back.
    pub async fn close(mut self) -> Vec<Answer> {
        self.starting = None;
        self.again.clear();
        for turn in &self.running {
            if !turn.has_ended() {
                turn.interrupt();
            }
        }
        let drained = poll_fn(|cx| {
            for (turn, answer) in self.running.iter_mut().zip(&mut self.answers) {
                while !turn.has_ended() {
                    match turn.poll_next(cx) {
                        Poll::Ready(event) => answer.follow(event),
                        Poll::Pending => return Poll::Pending,
                    }
                }
            }
            Poll::Ready(())
        });
        let _ = timeout(DRAIN_LIMIT, drained).await;
        self.running.clear();
        let _ = timeout(DRAIN_LIMIT, self.backend.forget(self.job.request)).await;
        std::mem::take(&mut self.answers)
    }

    fn retry(&mut self) {
        self.retried = true;
        self.forget_turns();
        let (backend, job) = (self.backend.clone(), self.job.clone());
        self.starting = Some(Box::pin(async move {
            let recovered = timeout(RECOVERY_LIMIT, backend.until_ready(job.kind)).await;
            recovered.map_err(|_| TurnStartError::NotReady)?;
            start(backend, job).await
        }));
    }

    fn forget_turns(&mut self) {
        self.running.clear();
        self.answers.clear();
        self.again.clear();
    }

    /// Starts every turn anew.
    fn start_again(&mut self) {
        self.forget_turns();
        self.starting = Some(Box::pin(start(self.backend.clone(), self.job.clone())));
    }

    /// Whether the upstream refused what stands before the conversation, so that it can be tried with Codex's own. The backend
    /// remembers it for the turns to come.
    async fn wants_own_instructions(&mut self, failure: &TurnFailure, exchange: &Exchange) -> bool {
        let refused = failure.kind == FailureKind::BadRequest && instructions::are_refused(&failure.message);
        let Some(turn) = self.running.first().filter(|_| refused) else { return false };
        if self.backend.insist_on_own_instructions(turn.worker()) {
            exchange.record(EventBody::WorkerInstructionsRefused { worker: turn.worker().to_string() }).await;
        }
        // Once is enough, and a client that has the head of a stream may have more than that.
        turn.instructions().is_some_and(|instructions| *instructions != Instructions::Codex) && exchange.is_waiting()
    }

    fn poll_progress(&mut self, cx: &mut Context<'_>) -> Poll<Progress> {
        if let Some(starting) = &mut self.starting {
            let started = std::task::ready!(starting.as_mut().poll(cx));
            self.starting = None;
            match started {
                Ok(turns) => {
                    self.answers = (0..turns.len()).map(|choice| Answer::new(self.job.rules.clone(), choice)).collect();
                    self.running = turns;
                }
                Err(error) => return Poll::Ready(Progress::Failed(error.into())),
            }
        }
        let progress = self.poll_piece(cx);
        if !self.running.is_empty() && self.again.is_empty() && self.running.iter().all(Turn::has_ended) {
            self.places = None;
        }
        progress
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Progress> {
        if let Err(error) = self.poll_again(cx) {
            return Poll::Ready(Progress::Failed(error.into()));
        }
        for index in 0..self.running.len() {
            let (turn, answer) = (&mut self.running[index], &mut self.answers[index]);
            let piece = loop {
                if let Some(piece) = answer.next_piece() {
                    break Some(piece);
                }
                let Poll::Ready(event) = turn.poll_next(cx) else { break None };
                self.last_event = Instant::now();
                answer.follow(event);
            };
            match piece {
                None => {}
                Some(Piece::End(AnswerEnd::Failed(failure))) if failure.kind == FailureKind::NotCalled => {
                    if self.hinted.contains(&index) {
                        return Poll::Ready(Progress::Failed(failure.into()));
                    }
                    self.start_over(index);
                    return self.poll_piece(cx);
                }
                Some(Piece::End(AnswerEnd::Failed(failure))) => {
                    return Poll::Ready(Progress::Failed(failure.into()));
                }
                Some(piece) => {
                    // What is over for the client must not go on: nobody will run the calls, or read the text.
                    if matches!(piece, Piece::End(_)) && !turn.has_ended() {
                        turn.interrupt();
                    }
                    return Poll::Ready(Progress::Piece(index, piece));
                }
            }
        }
        Poll::Pending
    }

    /// Starts choice `index` once more, with a word about the call that it must make.
    fn start_over(&mut self, index: usize) {
        let mut job = Job { turns: 1, ..Job::clone(&self.job) };
        job.plan.items.extend(job.rules.demand.iter().map(Demand::hint));
        let job = Arc::new(job);
        self.hinted.push(index);
        self.answers[index] = self.answers[index].again();
        self.again.push((index, Box::pin(start(self.backend.clone(), job))));
    }

    /// Lets choices that start over do so.
    fn poll_again(&mut self, cx: &mut Context<'_>) -> Result<(), TurnStartError> {
        let mut waiting = Vec::new();
        for (index, mut starting) in std::mem::take(&mut self.again) {
            match starting.as_mut().poll(cx) {
                Poll::Pending => waiting.push((index, starting)),
                Poll::Ready(turns) => self.running.splice(index..=index, turns?).for_each(drop),
            }
        }
        self.again = waiting;
        Ok(())
    }
}

async fn start(backend: Arc<Backend>, job: Arc<Job>) -> Result<Vec<Turn>, TurnStartError> {
    backend.start_turns(job.kind, &job.plan, job.turns, job.request).await
}
