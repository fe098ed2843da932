//! The turns of one request, followed together: pieces of the answer, and everything that can end the waiting.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use journal::Tokens;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::error::ApiError;
use super::exchange::Exchange;
use crate::backend::app_server::turn::Turn;
use crate::openai::chat::answer::{Answer, AnswerEnd, FinishReason, Piece};

/// How long an interrupted turn may take to say that it ended; Codex takes about 2 ms. Later frames are still recorded.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);

/// The turns of one request and the answers that grow from them. Dropping it interrupts what still runs.
#[derive(Debug)]
pub struct Turns {
    running: Vec<Turn>,
    answers: Vec<Answer>,
    limits: Limits,
    last_event: Instant,
}

/// What ends the waiting for a worker.
#[derive(Debug, Clone)]
pub struct Limits {
    /// When the request as a whole must be done.
    pub deadline: Instant,
    /// The longest silence of the worker.
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

// === impl Turns ===

impl Turns {
    /// Follows `turns`, one answer each.
    pub fn new(turns: Vec<Turn>, limits: Limits) -> Self {
        let answers = turns.iter().map(|_| Answer::default()).collect();
        Self { running: turns, answers, limits, last_event: Instant::now() }
    }

    /// Waits for what happens next. Safe to cancel.
    pub async fn next(&mut self, exchange: &mut Exchange) -> Step {
        let idle = self.last_event + self.limits.idle;
        let (deadline, cut) = (self.limits.deadline, self.limits.cut.clone());
        tokio::select! {
            biased;
            (index, piece) = poll_fn(|cx| self.poll_piece(cx)) => {
                self.last_event = Instant::now();
                match piece {
                    Piece::End(AnswerEnd::Failed(failure)) => Step::Failed(failure.into()),
                    piece => Step::Piece(index, piece),
                }
            }
            () = exchange.client_gone() => Step::ClientGone,
            () = cut.cancelled() => Step::Failed(ApiError::ShuttingDown),
            () = sleep_until(idle) => Step::Failed(ApiError::IdleTimeout),
            () = sleep_until(deadline) => Step::Failed(ApiError::RequestTimeout),
        }
    }

    /// Whether every answer has its end.
    pub fn are_complete(&self) -> bool {
        self.answers.iter().all(|answer| answer.end().is_some())
    }

    /// Usage of all answers so far.
    pub fn tokens(&self) -> Tokens {
        let mut sum = Tokens::default();
        for answer in &self.answers {
            sum += answer.tokens();
        }
        sum
    }

    /// Ends what still runs and waits for it, so that the last frame of the request is on record before its end is. Gives
    /// the answers back.
    pub async fn close(mut self) -> Vec<Answer> {
        for turn in &self.running {
            if !turn.has_ended() {
                turn.interrupt();
            }
        }
        let drained = poll_fn(|cx| {
            for (turn, answer) in self.running.iter_mut().zip(&mut self.answers) {
                while !turn.has_ended() {
                    match turn.poll_next(cx) {
                        Poll::Ready(event) => drop(answer.follow(event)),
                        Poll::Pending => return Poll::Pending,
                    }
                }
            }
            Poll::Ready(())
        });
        let _ = timeout(DRAIN_LIMIT, drained).await;
        std::mem::take(&mut self.answers)
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<(usize, Piece)> {
        for (index, (turn, answer)) in self.running.iter_mut().zip(&mut self.answers).enumerate() {
            while let Poll::Ready(event) = turn.poll_next(cx) {
                let Some(piece) = answer.follow(event) else { continue };
                // The calls are with the client now: Codex must not wait for somebody to run them.
                if matches!(piece, Piece::End(AnswerEnd::Finished(FinishReason::ToolCalls))) {
                    turn.interrupt();
                }
                return Poll::Ready((index, piece));
            }
        }
        Poll::Pending
    }
}
