//! What clients can rely on, pinned: the answer to every error as a golden file in `tests/errors`, and `docs/api.md`, whose tables are made
//! of those in the code.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use codex_completions_api::config::SETTINGS;
use codex_completions_api::gateway::keys::Role;
use codex_completions_api::gateway::maintenance::Notice;
use codex_completions_api::gateway::rate::TooMany;
use codex_completions_api::http::error::ApiError;
use codex_completions_api::http::error::table::{self, Case};
use codex_completions_api::http::exchange;
use codex_completions_api::openai::chat::fields;
use codex_completions_api::openai::error::{Fault, InvalidRequest};
use codex_completions_api::turn::{FailureKind, TurnFailure};

/// An error of this row. A row that is new has to be added here.
fn example(case: Case) -> ApiError {
    let field = |fault, param: &str, message: &str| {
        ApiError::Invalid(InvalidRequest { message: message.to_owned(), param: Some(param.to_owned()), fault })
    };
    let turn = |kind| ApiError::Turn(TurnFailure { kind, message: "said the upstream".to_owned() });
    match case {
        Case::InvalidJson => ApiError::InvalidJson,
        Case::InvalidField => field(Fault::Form, "messages[0].role", "unknown role \"robot\""),
        Case::ModelRequired => field(Fault::NoModel, "model", "model is required"),
        Case::UnsupportedParameter => field(Fault::Unsupported, "audio", "audio is not supported for this model"),
        Case::ContextLength => turn(FailureKind::ContextLength),
        Case::UpstreamRefused => turn(FailureKind::BadRequest),
        Case::InvalidHead => ApiError::InvalidHead("HTTP/1.1 needs exactly one Host header"),
        Case::BodyUnreadable => ApiError::BodyUnreadable,
        Case::Unauthorized => ApiError::Unauthorized,
        Case::NotLoggedIn => turn(FailureKind::Unauthorized),
        Case::PromptTooLong => ApiError::PromptTooLong,
        Case::WrongRole => ApiError::WrongRole(Role::Engineer),
        Case::MetricsDenied => ApiError::MetricsDenied,
        Case::ModelNotFound => ApiError::model_not_found("gpt-2"),
        Case::UpstreamModelNotFound => turn(FailureKind::ModelNotFound),
        Case::NotFound => ApiError::NotFound,
        Case::NoResponses => ApiError::NoResponses,
        Case::MethodNotAllowed => ApiError::MethodNotAllowed("GET, HEAD"),
        Case::BodyTimeout => ApiError::BodyTimeout,
        Case::BodyTooLarge => ApiError::BodyTooLarge,
        Case::ContentType => ApiError::ContentType,
        Case::ContentEncoding => ApiError::ContentEncoding,
        Case::RateLimited => ApiError::RateLimited(TooMany {
            retry_after: Duration::from_millis(2500),
            limit: 60,
            reset: Duration::from_millis(59_500),
        }),
        Case::UpstreamRateLimited => turn(FailureKind::RateLimited),
        Case::TooManyStreams => ApiError::TooManyStreams,
        Case::WorkerBusy => ApiError::WorkerBusy,
        Case::Rpc => ApiError::Rpc { code: "-32600".to_owned(), message: "said the worker".to_owned() },
        Case::UpstreamFailed => turn(FailureKind::Unavailable),
        Case::UpstreamBrokeOff => turn(FailureKind::Disconnected),
        Case::NotCalled => turn(FailureKind::NotCalled),
        Case::TurnFailed => turn(FailureKind::Other),
        Case::Internal => ApiError::Internal,
        Case::WorkerNotReady => ApiError::WorkerNotReady(Some(Duration::from_secs(5))),
        Case::WorkerExited => ApiError::WorkerExited,
        Case::BackendDisabled => ApiError::BackendDisabled,
        Case::Maintenance => {
            ApiError::Maintenance(Notice { message: Some("back at noon".to_owned()), retry_after_s: 20 })
        }
        Case::JournalUnavailable => ApiError::JournalUnavailable,
        Case::ShuttingDown => ApiError::ShuttingDown,
        Case::RequestTimeout => ApiError::RequestTimeout,
        Case::IdleTimeout => ApiError::IdleTimeout,
    }
}

/// The answer as it goes over the wire, but for what differs each time.
fn shown(error: &ApiError) -> String {
    let response = exchange::with_fresh_id(exchange::plain_error(error));
    let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| match name.as_str() {
        "x-request-id" => format!("{name}: [id]\n"),
        "retry-after-ms" => format!("{name}: [spread]\n"),
        _ => format!("{name}: {}\n", value.to_str().expect("it is text")),
    };
    let headers: String = response.headers().iter().map(header).collect();
    format!("{}\n{headers}\n{}", response.status(), error.body())
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

#[test]
fn every_error_has_the_answer_that_clients_know() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("errors");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for &case in Case::ALL {
        let error = example(case);
        assert_eq!(error.case(), case, "the example is one of its row");
        settings.bind(|| insta::assert_snapshot!(format!("{case:?}"), shown(&error)));
    }
    let files = path("tests/errors").read_dir().expect("the golden files are there");
    let files: BTreeSet<String> =
        files.map(|file| file.expect("it can be read").file_name().into_string().expect("it is text")).collect();
    let cases: BTreeSet<String> = Case::ALL.iter().map(|case| format!("{case:?}.snap")).collect();
    assert_eq!(files, cases, "a golden file for each row, and no other");
}

#[test]
fn the_same_code_of_the_same_status_has_the_same_type() {
    for (index, case) in Case::ALL.iter().enumerate() {
        let row = case.row();
        for other in Case::ALL[..index].iter().map(|other| other.row()) {
            let is_same = (row.status, row.code) == (other.status, other.code);
            assert!(!is_same || row.kind == other.kind, "{case:?}");
        }
        assert!(row.retryable != Some(true) || row.wait != table::Wait::Never, "{case:?} says when");
    }
}

/// `page` with what stands between the marks of the table `name` exchanged.
fn with_table(page: &str, name: &str, table: &str) -> String {
    let (begin, end) = (format!("<!-- {name}: generated"), format!("<!-- end of {name} -->"));
    let head = page.find(&begin).and_then(|at| Some(at + page[at..].find("-->\n")? + 4));
    let head = head.unwrap_or_else(|| panic!("docs/api.md has no line that begins with {begin}"));
    let tail = page.find(&end).unwrap_or_else(|| panic!("docs/api.md has no line {end}"));
    format!("{}\n{table}\n{}", &page[..head], &page[tail..])
}

#[test]
fn the_reference_of_the_api_is_current() {
    let page = std::fs::read_to_string(path("docs/api.md")).expect("the page is there");
    let current = with_table(&page, "errors", &table::reference_markdown());
    let current = with_table(&current, "fields", &fields::reference_markdown());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path("docs/api.md"), &current).expect("the page can be written");
        return;
    }
    assert!(current == page, "docs/api.md is out of date: UPDATE_DOCS=1 cargo test --test api");
}

#[test]
fn the_reference_of_the_api_names_settings_that_there_are() {
    let page = std::fs::read_to_string(path("docs/api.md")).expect("the page is there");
    let words = page.split(|character: char| !(character.is_ascii_alphanumeric() || character == '_'));
    let named: BTreeSet<&str> =
        words.filter(|word| ["PROXY_", "WORKER_"].iter().any(|prefix| word.starts_with(prefix))).collect();
    for name in &named {
        assert!(SETTINGS.iter().any(|setting| setting.env == *name), "there is no setting {name}");
    }
    assert!(named.len() > 10, "{named:?}");
}
