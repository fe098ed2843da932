//! Tools become the app-server's `dynamicTools`, which reach the model unchanged.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::fields::{Form, check_member, given};
use super::tool_choice::{Choice, Demand};
use crate::openai::error::InvalidRequest;

/// The longest name of a function that the worker takes, in bytes.
const MAX_NAME: usize = 128;

/// The tools of `body` that the model may use, from `tools` or the legacy `functions`, and the call that it must make: none with
/// `tool_choice: "none"`, and only those that it names.
pub fn tools(body: &Map<String, Value>) -> Result<(Vec<Value>, Option<Demand>), InvalidRequest> {
    let mut functions = Vec::new();
    for (index, tool) in list(body, "tools")?.into_iter().flatten().enumerate() {
        let at = format!("tools[{index}]");
        if tool.get("type").and_then(Value::as_str) != Some("function") {
            return Err(InvalidRequest::new(format!("{at}.type"), "tools must be of type 'function'"));
        }
        functions.push((format!("{at}.function"), tool.get("function")));
    }
    let legacy = list(body, "functions")?.into_iter().flatten().enumerate();
    functions.extend(legacy.map(|(index, function)| (format!("functions[{index}]"), Some(function))));

    let mut tools = Vec::with_capacity(functions.len());
    let mut names = HashSet::new();
    for (at, function) in functions {
        let (name, tool) = dynamic_tool(function, &at)?;
        if !names.insert(name) {
            let message = format!("the name \"{name}\" is given to more than one function");
            return Err(InvalidRequest::new(format!("{at}.name"), message));
        }
        tools.push(tool);
    }
    let tools_given = ["tools", "functions"].into_iter().any(|field| given(body, field).is_some());
    let Choice { only, demand } = Choice::read(body, tools_given.then_some(&names))?;
    if let Some(only) = only {
        tools.retain(|tool| tool["name"].as_str().is_some_and(|name| only.contains(name)));
    }
    Ok((tools, demand))
}

fn list<'a>(body: &'a Map<String, Value>, field: &str) -> Result<Option<&'a Vec<Value>>, InvalidRequest> {
    match given(body, field) {
        None => Ok(None),
        Some(Value::Array(list)) => Ok(Some(list)),
        Some(_) => Err(InvalidRequest::new(field, format!("{field} must be an array"))),
    }
}

/// A function's name, and the function as the worker takes it.
fn dynamic_tool<'a>(function: Option<&'a Value>, at: &str) -> Result<(&'a str, Value), InvalidRequest> {
    let function = function.and_then(Value::as_object);
    let function = function.ok_or_else(|| InvalidRequest::new(at, "a tool needs a function"))?;
    let name = function.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| InvalidRequest::new(format!("{at}.name"), "a function needs a name"))?;
    check_name(name).map_err(|wrong| InvalidRequest::new(format!("{at}.name"), wrong))?;
    for (member, form) in [("description", Form::Text), ("parameters", Form::Object), ("strict", Form::Boolean)] {
        check_member(function, member, form, &format!("{at}.{member}"))?;
    }
    let description = given(function, "description").cloned().unwrap_or_else(|| json!(""));
    let empty = || json!({ "type": "object", "properties": {} });
    let parameters = given(function, "parameters").cloned().unwrap_or_else(empty);
    let tool = json!({ "type": "function", "name": name, "description": description, "inputSchema": parameters });
    Ok((name, tool))
}

/// What the worker would refuse, as 0.169.0 does in `thread/start`.
fn check_name(name: &str) -> Result<(), String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if name.len() > MAX_NAME || !name.bytes().all(allowed) {
        return Err(format!("a function's name is up to {MAX_NAME} letters, digits, dashes and underscores"));
    }
    if name == "mcp" || name.starts_with("mcp__") {
        return Err("the name mcp and names that begin with mcp__ are reserved".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &Value) -> Result<(Vec<Value>, Option<Demand>), InvalidRequest> {
        tools(body.as_object().unwrap())
    }

    #[test]
    fn tools_and_legacy_functions_become_dynamic_tools() {
        let schema = json!({ "type": "object", "properties": { "z": {}, "a": {} } });
        let body = json!({
            "tools": [{ "type": "function", "function": { "name": "f", "description": "d", "parameters": schema } }],
            "functions": [{ "name": "g" }],
        });
        let expected = [
            json!({ "type": "function", "name": "f", "description": "d", "inputSchema": schema }),
            json!({ "type": "function", "name": "g", "description": "", "inputSchema": { "type": "object", "properties": {} } }),
        ];
        assert_eq!(read(&body).unwrap(), (expected.to_vec(), None));
    }

    #[test]
    fn no_tool_is_sent_when_none_may_be_used() {
        let tool = json!([{ "type": "function", "function": { "name": "f" } }]);
        assert!(read(&json!({ "tools": tool, "tool_choice": "none" })).unwrap().0.is_empty());
        assert_eq!(read(&json!({ "tools": tool, "tool_choice": "auto" })).unwrap().0.len(), 1);
    }

    #[test]
    fn a_named_function_is_the_only_one_sent() {
        let tools = json!([
            { "type": "function", "function": { "name": "f" } },
            { "type": "function", "function": { "name": "g" } },
        ]);
        let named = json!({ "tools": tools, "tool_choice": { "type": "function", "function": { "name": "g" } } });
        let (sent, demand) = read(&named).unwrap();
        assert_eq!((sent.len(), &sent[0]["name"]), (1, &json!("g")));
        assert_eq!(demand, Some(Demand::Named("g".to_owned())));
        let (sent, demand) = read(&json!({ "tools": tools, "tool_choice": "required" })).unwrap();
        assert_eq!((sent.len(), demand), (2, Some(Demand::Any)));
        let (sent, _) = read(&json!({ "functions": [{ "name": "h" }], "function_call": { "name": "h" } })).unwrap();
        assert_eq!(sent.len(), 1);
    }

    #[test]
    fn allowed_tools_are_the_only_ones_sent() {
        let tools = json!([
            { "type": "function", "function": { "name": "f" } },
            { "type": "function", "function": { "name": "g" } },
        ]);
        let among = |mode: &str, allowed: Value| {
            let choice = json!({ "type": "allowed_tools", "allowed_tools": { "mode": mode, "tools": allowed } });
            read(&json!({ "tools": tools, "tool_choice": choice })).unwrap()
        };
        let (sent, demand) = among("required", json!([tools[1]]));
        assert_eq!((sent.len(), &sent[0]["name"], demand), (1, &json!("g"), Some(Demand::Any)));
        let (sent, demand) = among("auto", json!([tools[1], tools[0]]));
        assert_eq!((sent.len(), demand), (2, None));
    }
}
