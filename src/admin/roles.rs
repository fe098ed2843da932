//! Which role may ask what on the admin listener. Whoever reaches the control socket is root or the service's own user, and may ask
//! everything.

use http::Method;

use super::ask::{EVENTS, SEARCH, SUMMARIES};
use super::call::{ATTEST, HOLDS, LEDGER, LEDGER_HEAD, RETENTION_PLAN, RETENTION_STATUS, SEGMENTS, STATUS, VERIFY};
use crate::gateway::keys::Role;

/// What requests said and what was answered.
const CONTENT: &[&str] = &[EVENTS, SEARCH, ATTEST];

/// That there were requests, and what became of them.
const SUMMARY: &[&str] = &[SUMMARIES];

/// What is kept, for how long, and whether it is whole.
const PROOF: &[&str] = &[LEDGER, LEDGER_HEAD, VERIFY, SEGMENTS, RETENTION_STATUS, RETENTION_PLAN];

/// Whether a key of this role may do this. What is not known here is an operator's.
pub(super) fn may(role: Role, method: &Method, path: &str) -> bool {
    let is_of = |paths: &[&str]| paths.contains(&path);
    let reads_holds = path == HOLDS && *method == Method::GET;
    match role {
        Role::Partner => false,
        // Reads everything, so that nobody who changes something has to be asked for proof of it.
        Role::Auditor => is_of(CONTENT) || is_of(SUMMARY) || is_of(PROOF) || reads_holds || path == STATUS,
        Role::Engineer => is_of(CONTENT) || is_of(SUMMARY) || is_of(&[SEGMENTS, VERIFY, STATUS]),
        // Runs the service without reading what partners say.
        Role::Operator => !is_of(CONTENT),
    }
}

/// The roles that may, for whoever may not.
pub(super) fn that_may(method: &Method, path: &str) -> String {
    let roles = Role::ALL.into_iter().filter(|role| may(*role, method, path));
    roles.map(Role::as_str).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use super::super::call::{BACKEND, BACKUP, ERASE, LIFT, MAINTENANCE, RELOAD, RETENTION_RUN};
    use super::*;

    /// What `docs/admin-api.yaml` says: path, method, roles.
    fn documented() -> Vec<(String, Method, Vec<String>)> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/admin-api.yaml");
        let text = std::fs::read_to_string(path).unwrap();
        let (mut documented, mut path, mut method) = (Vec::new(), String::new(), Method::GET);
        let (_, paths) = text.split_once("\npaths:\n").unwrap();
        for line in paths.lines().take_while(|line| *line != "components:") {
            if let Some(found) = line.strip_prefix("  /").and_then(|rest| rest.strip_suffix(':')) {
                path = format!("/{found}");
            } else if let Some(found) = line.strip_prefix("    ").filter(|rest| !rest.starts_with(' ')) {
                method = found.trim_end_matches(':').to_uppercase().parse().unwrap();
            } else if let Some((_, roles)) = line.trim_end_matches(".\"").split_once("description: \"Role") {
                let (_, roles) = roles.split_once(": ").unwrap();
                documented.push((path.clone(), method.clone(), roles.split(", ").map(str::to_owned).collect()));
            }
        }
        documented
    }

    #[test]
    fn the_documentation_says_who_may_do_what() {
        let documented = documented();
        for (path, method, roles) in &documented {
            let may: Vec<&str> =
                ["auditor", "engineer", "operator"].into_iter().filter(|name| may(role(name), method, path)).collect();
            assert_eq!(&may, roles, "{method} {path}");
        }
        for path in [
            SUMMARIES,
            EVENTS,
            SEARCH,
            SEGMENTS,
            RETENTION_STATUS,
            RETENTION_PLAN,
            RETENTION_RUN,
            HOLDS,
            LIFT,
            VERIFY,
            BACKUP,
            LEDGER,
            LEDGER_HEAD,
            ATTEST,
            STATUS,
            MAINTENANCE,
            BACKEND,
            RELOAD,
        ] {
            assert!(documented.iter().any(|(documented, _, _)| documented == path), "{path} is documented");
        }
    }

    fn role(name: &str) -> Role {
        Role::ALL.into_iter().find(|role| role.as_str() == name).unwrap()
    }

    #[test]
    fn nobody_both_reads_content_and_changes_something() {
        for role in Role::ALL {
            let reads = may(role, &Method::GET, EVENTS);
            let changes =
                [MAINTENANCE, RETENTION_RUN, BACKUP, HOLDS, ERASE].iter().any(|path| may(role, &Method::POST, path));
            assert!(!(reads && changes), "{role}");
        }
        assert!(Role::ALL.into_iter().all(|role| role != Role::Partner || !may(role, &Method::GET, SUMMARIES)));
        assert_eq!(that_may(&Method::GET, EVENTS), "auditor or engineer");
        assert_eq!(that_may(&Method::POST, HOLDS), "operator");
        assert_eq!(that_may(&Method::GET, HOLDS), "auditor or operator");
    }
}
