//! Tools become the app-server's `dynamicTools`, which reach the model unchanged.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::tool_choice::Demand;
use crate::openai::error::InvalidRequest;

/// The tools of `body` that the model may use, from `tools` or the legacy `functions`, and the call that it must make: none with
/// `tool_choice: "none"`, and only the function that it names.
pub fn tools(body: &Map<String, Value>) -> Result<(Vec<Value>, Option<Demand>), InvalidRequest> {
    let mut tools = Vec::new();
    if let Some(list) = list(body, "tools")? {
        for (index, tool) in list.iter().enumerate() {
            let at = format!("tools[{index}]");
            if tool.get("type").and_then(Value::as_str) != Some("function") {
                return Err(InvalidRequest::new(format!("{at}.type"), "tools must be of type 'function'"));
            }
            tools.push(dynamic_tool(tool.get("function"), &format!("{at}.function"))?);
        }
    }
    if let Some(list) = list(body, "functions")? {
        for (index, function) in list.iter().enumerate() {
            tools.push(dynamic_tool(Some(function), &format!("functions[{index}]"))?);
        }
    }
    refuse_duplicates(&tools)?;
    let tools_given =
        body.get("tools").is_some_and(Value::is_array) || body.get("functions").is_some_and(Value::is_array);
    let demand = match choice(body, &tools, tools_given)? {
        Choice::None => return Ok((Vec::new(), None)),
        Choice::Free => None,
        Choice::Demand(demand) => Some(demand),
    };
    if let Some(Demand::Named(name)) = &demand {
        tools.retain(|tool| tool["name"] == **name);
    }
    Ok((tools, demand))
}

/// The longest name of a function that the worker takes, in bytes.
const MAX_NAME: usize = 128;

enum Choice {
    None,
    Free,
    Demand(Demand),
}

fn list<'a>(body: &'a Map<String, Value>, field: &str) -> Result<Option<&'a Vec<Value>>, InvalidRequest> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(list)) => Ok(Some(list)),
        Some(_) => Err(InvalidRequest::new(field, format!("{field} must be an array"))),
    }
}

fn dynamic_tool(function: Option<&Value>, at: &str) -> Result<Value, InvalidRequest> {
    let function = function.and_then(Value::as_object);
    let function = function.ok_or_else(|| InvalidRequest::new(at, "a tool needs a function"))?;
    let name = function.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| InvalidRequest::new(format!("{at}.name"), "a function needs a name"))?;
    check_name(name).map_err(|wrong| InvalidRequest::new(format!("{at}.name"), wrong))?;
    let description = function.get("description").and_then(Value::as_str).unwrap_or_default();
    let parameters = match function.get("parameters") {
        None | Some(Value::Null) => json!({ "type": "object", "properties": {} }),
        Some(schema @ Value::Object(_)) => schema.clone(),
        Some(_) => return Err(InvalidRequest::new(format!("{at}.parameters"), "parameters must be an object")),
    };
    Ok(json!({ "type": "function", "name": name, "description": description, "inputSchema": parameters }))
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

fn refuse_duplicates(tools: &[Value]) -> Result<(), InvalidRequest> {
    let mut seen = HashSet::new();
    match tools.iter().position(|tool| !seen.insert(tool["name"].as_str())) {
        None => Ok(()),
        Some(index) => Err(InvalidRequest::new(
            format!("tools[{index}].function.name"),
            format!("the name {} is given to more than one function", tools[index]["name"]),
        )),
    }
}

/// `tool_choice` and the legacy `function_call`.
fn choice(body: &Map<String, Value>, tools: &[Value], tools_given: bool) -> Result<Choice, InvalidRequest> {
    let field = if body.contains_key("tool_choice") { "tool_choice" } else { "function_call" };
    let Some(choice) = body.get(field).filter(|choice| !choice.is_null()) else { return Ok(Choice::Free) };
    let malformed = || {
        InvalidRequest::new(
            field,
            format!("{field} must be 'none', 'auto', 'required' or an object that names a function"),
        )
    };
    let wanted = match choice {
        Value::String(word) => match word.as_str() {
            "none" => return Ok(Choice::None),
            "auto" => Choice::Free,
            "required" => Choice::Demand(Demand::Any),
            _ => return Err(malformed()),
        },
        Value::Object(object) => {
            let function = if field == "tool_choice" { object.get("function") } else { Some(choice) };
            let name = function.and_then(|function| function.get("name")).and_then(Value::as_str);
            let name = name.ok_or_else(|| {
                InvalidRequest::new(format!("{field}.function.name"), "the choice of a function needs its name")
            })?;
            Choice::Demand(Demand::Named(name.to_owned()))
        }
        _ => return Err(malformed()),
    };
    if !tools_given {
        return Err(InvalidRequest::new(field, format!("{field} is only allowed when tools are given")));
    }
    if let Choice::Demand(Demand::Named(name)) = &wanted
        && !tools.iter().any(|tool| tool["name"] == **name)
    {
        let message = format!("{field} names the function '{name}', which is not among the tools");
        return Err(InvalidRequest::new(format!("{field}.function.name"), message));
    }
    // Something must be there to be called.
    if tools.is_empty() && matches!(wanted, Choice::Demand(_)) {
        return Err(InvalidRequest::new(field, format!("{field} demands a call, and there is no tool")));
    }
    Ok(wanted)
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
    fn what_is_wrong_is_named() {
        let tool = json!([{ "type": "function", "function": { "name": "f" } }]);
        let cases = [
            (json!({ "tools": {} }), "tools"),
            (json!({ "functions": "f" }), "functions"),
            (json!({ "tools": [{ "type": "web_search" }] }), "tools[0].type"),
            (json!({ "tools": [{ "type": "function" }] }), "tools[0].function"),
            (json!({ "tools": [{ "type": "function", "function": {} }] }), "tools[0].function.name"),
            (json!({ "tools": [{ "type": "function", "function": { "name": "a.b" } }] }), "tools[0].function.name"),
            (json!({ "tools": [{ "type": "function", "function": { "name": "mcp__x" } }] }), "tools[0].function.name"),
            (json!({ "tools": [tool[0], tool[0]] }), "tools[1].function.name"),
            (json!({ "tools": tool, "tool_choice": "some" }), "tool_choice"),
            (json!({ "tools": tool, "tool_choice": 1 }), "tool_choice"),
            (json!({ "tool_choice": "auto" }), "tool_choice"),
            (json!({ "tools": [], "tool_choice": "required" }), "tool_choice"),
            (json!({ "tools": tool, "tool_choice": { "type": "function" } }), "tool_choice.function.name"),
            (json!({ "tools": tool, "tool_choice": { "function": { "name": "g" } } }), "tool_choice.function.name"),
        ];
        for (body, expected) in cases {
            assert_eq!(read(&body).unwrap_err().param.as_deref(), Some(expected), "{body}");
        }
    }
}
