use super::*;
use crate::openai::chat::output_mode::{OutputMode, OutputRules};
use crate::openai::chat::tool_choice::Demand;

fn call(id: &str) -> ToolCall {
    ToolCall { call_id: id.into(), name: "f".into(), arguments: "{}".into() }
}

fn text(text: &str) -> TurnEvent {
    TurnEvent::Text(text.to_owned())
}

fn finished(reason: FinishReason) -> Piece {
    Piece::End(AnswerEnd::Finished(reason))
}

fn completed() -> TurnEvent {
    TurnEvent::ResponseCompleted(Tokens { input: 11, output: 7, ..Tokens::default() })
}

/// The answer by `rules` to these events, and its pieces.
fn follow(rules: Rules, events: impl IntoIterator<Item = TurnEvent>) -> (Answer, Vec<Piece>) {
    let mut answer = Answer::new(Arc::new(rules), 0);
    let mut pieces = Vec::new();
    for event in events {
        answer.follow(event);
        pieces.extend(std::iter::from_fn(|| answer.next_piece()));
    }
    (answer, pieces)
}

#[test]
fn a_turn_with_calls_ends_for_the_client_when_the_response_is_complete() {
    let interrupted = TurnEvent::Ended(TurnEnd::Interrupted);
    let events = [text("let me see"), TurnEvent::ToolCall(call("a")), text("tail"), completed(), interrupted];
    let (answer, pieces) = follow(Rules::default(), events);
    let expected = [
        Piece::Text("let me see".into()),
        Piece::Call { index: 0, call: call("a") },
        finished(FinishReason::ToolCalls),
    ];
    assert_eq!(pieces, expected);
    assert_eq!(answer.text(), "let me see");
}

#[test]
fn an_incomplete_answer_keeps_its_text_and_usage() {
    let tokens = Tokens { input: 11, output: 7, ..Tokens::default() };
    let end = TurnEnd::Incomplete { reason: IncompleteReason::MaxOutputTokens, tokens: Some(tokens) };
    let (answer, pieces) = follow(Rules::default(), [text("half"), TurnEvent::Ended(end)]);
    assert_eq!(pieces, [Piece::Text("half".into()), finished(FinishReason::Length)]);
    assert_eq!((answer.tokens(), answer.lacks_usage()), (tokens, false));
}

#[test]
fn a_turn_that_somebody_interrupted_is_no_answer() {
    let (_, pieces) = follow(Rules::default(), [text("half"), TurnEvent::Ended(TurnEnd::Interrupted)]);
    assert!(matches!(pieces.last(), Some(Piece::End(AnswerEnd::Failed(_)))));
}

#[test]
fn calls_beat_length() {
    let end = TurnEnd::Incomplete { reason: IncompleteReason::MaxOutputTokens, tokens: None };
    let (_, pieces) = follow(Rules::default(), [TurnEvent::ToolCall(call("a")), TurnEvent::Ended(end)]);
    assert_eq!(pieces.last(), Some(&finished(FinishReason::ToolCalls)));
}

#[test]
fn a_stop_sequence_ends_the_answer_and_its_usage_is_counted() {
    let rules = Rules { stop: vec!["END".to_owned()], ..Rules::default() };
    let (mut answer, pieces) = follow(rules, [text("hello world E"), text("ND of it"), text("more")]);
    assert_eq!(pieces, [Piece::Text("hello world ".into()), finished(FinishReason::Stop)]);
    assert!(answer.lacks_usage());
    answer.count_usage(5);
    answer.follow(completed());
    assert_eq!((answer.tokens().input, answer.tokens().output, answer.is_counted()), (5, 3, true));
}

#[test]
fn text_that_only_looks_like_a_stop_sequence_comes_at_the_end() {
    let rules = Rules { stop: vec!["END".to_owned()], ..Rules::default() };
    let (answer, pieces) = follow(rules, [text("the EN"), completed(), TurnEvent::Ended(TurnEnd::Completed)]);
    let expected = [Piece::Text("the ".into()), Piece::Text("EN".into()), finished(FinishReason::Stop)];
    assert_eq!(pieces, expected);
    assert!(!answer.lacks_usage());
}

#[test]
fn the_token_limit_ends_the_answer_with_length() {
    let rules = Rules { max_tokens: Some(2), ..Rules::default() };
    let (_, pieces) = follow(rules, ["one", " two", " three", " four"].map(text));
    let expected = [Piece::Text("one".into()), Piece::Text(" two".into()), finished(FinishReason::Length)];
    assert_eq!(pieces, expected);
}

#[test]
fn text_waits_for_the_call_that_is_demanded() {
    let rules = Rules { demand: Some(Demand::Named("f".to_owned())), ..Rules::default() };
    let other = ToolCall { name: "g".into(), ..call("b") };
    let events = [text("let "), TurnEvent::ToolCall(other), text("me"), TurnEvent::ToolCall(call("a")), completed()];
    let (_, pieces) = follow(rules.clone(), events);
    let expected =
        [Piece::Text("let me".into()), Piece::Call { index: 0, call: call("a") }, finished(FinishReason::ToolCalls)];
    assert_eq!(pieces, expected);

    let (answer, pieces) = follow(rules, [text("no"), completed(), TurnEvent::Ended(TurnEnd::Completed)]);
    let [Piece::End(AnswerEnd::Failed(failure))] = &pieces[..] else { panic!("{pieces:?}") };
    assert_eq!(failure.kind, FailureKind::NotCalled);
    assert_eq!(answer.again().tokens(), answer.tokens(), "what the first try cost is not forgotten");
}

#[test]
fn one_call_is_passed_on_where_one_is_allowed() {
    let rules = Rules { single_call: true, ..Rules::default() };
    let calls = ["a", "b"].map(|id| TurnEvent::ToolCall(call(id)));
    let (answer, pieces) = follow(rules.clone(), calls.into_iter().chain([completed()]));
    let expected = [Piece::Call { index: 0, call: call("a") }, finished(FinishReason::ToolCalls)];
    assert_eq!((pieces, answer.calls().len()), (expected.to_vec(), 1));
    let (answer, _) = follow(rules, [TurnEvent::ToolCall(call("a")), completed()]);
    assert!(!answer.lacks_usage(), "a single call by itself leaves usage exact");
}

fn obsidian(output: OutputRules) -> Rules {
    Rules { output: OutputRules { mode: OutputMode::ObsidianXml, ..output }, ..Rules::default() }
}

const BLOCK: &str = "<use_tool>\n  <name>f</name>\n</use_tool>";

/// A call that the model wrote as text, the `number`th.
fn written(number: usize) -> ToolCall {
    call(&format!("tool_0_{number}"))
}

#[test]
fn a_call_comes_as_a_block_too_behind_its_chunks() {
    let (answer, pieces) = follow(
        obsidian(OutputRules::default()),
        [text("see:"), TurnEvent::ToolCall(call("a")), text(" tail"), completed()],
    );
    let expected = [
        Piece::Text("see:".into()),
        Piece::Call { index: 0, call: call("a") },
        Piece::Text(BLOCK.into()),
        Piece::Text(" tail".into()),
        finished(FinishReason::ToolCalls),
    ];
    assert_eq!(pieces, expected);
    assert!(answer.shows_text_beside_calls());
}

#[test]
fn a_block_that_the_model_wrote_is_a_call_and_not_repeated() {
    let (head, tail) = BLOCK.split_at(13);
    let events = [text("go "), text(head), text(tail), TurnEvent::ToolCall(call("a")), completed()];
    let (answer, pieces) = follow(obsidian(OutputRules::default()), events);
    let expected = [
        Piece::Text("go ".into()),
        Piece::Call { index: 0, call: written(0) },
        Piece::Text(BLOCK.into()),
        finished(FinishReason::ToolCalls),
    ];
    assert_eq!(pieces, expected);
    assert_eq!(answer.text(), format!("go {BLOCK}"));
}

#[test]
fn what_follows_calls_is_cut_as_configured() {
    let other = BLOCK.replace('f', "g");
    let model = [BLOCK, "\n", &other, " tail"];
    let texts = |output: OutputRules| -> (String, usize, bool) {
        let (answer, _) = follow(obsidian(output), model.map(text).into_iter().chain([completed()]));
        (answer.text().to_owned(), answer.calls().len(), answer.lacks_usage())
    };
    let default = OutputRules::default();
    let stop = OutputRules { stop_after_tools: true, ..default };
    assert_eq!(texts(default), (model.concat(), 2, false));
    assert_eq!(texts(OutputRules { suppress_tail: true, ..default }), (format!("{BLOCK}{other}"), 2, false));
    assert_eq!(texts(stop), (format!("{BLOCK}{other}"), 2, false));
    assert_eq!(texts(OutputRules { stop_mode: StopAfterTools::First, ..stop }), (BLOCK.to_owned(), 1, false));
    assert_eq!(texts(OutputRules { max_calls: 1, ..default }), (format!("{BLOCK}\n"), 1, false));
}

#[test]
fn a_burst_ends_when_no_call_comes_any_more() {
    let rules = obsidian(OutputRules { stop_after_tools: true, ..OutputRules::default() });
    let (mut answer, _) = follow(rules, [text("a "), text(BLOCK)]);
    assert!(answer.awaits_calls());
    answer.stop_waiting();
    assert_eq!(answer.next_piece(), Some(finished(FinishReason::ToolCalls)));
    assert!(!answer.awaits_calls());
}

#[test]
fn calls_above_the_limit_are_left_out() {
    let rules = Rules { output: OutputRules { max_calls: 1, ..OutputRules::default() }, ..Rules::default() };
    let (answer, pieces) = follow(rules, ["a", "b"].map(|id| TurnEvent::ToolCall(call(id))));
    let expected = [Piece::Call { index: 0, call: call("a") }, Piece::Truncated, finished(FinishReason::ToolCalls)];
    assert_eq!((pieces, answer.is_truncated()), (expected.to_vec(), true));
}
