//! Metrics, logs, traces and search.

use super::{Check, Rule, Start};

/// Where two rules find the same text, the first names it.
pub(crate) const RULES: &[Rule] = &[
    // gitleaks `datadog-access-token`: 32 hex digits, 40 for applications.
    Rule {
        name: "datadog-key",
        anchors: &["datadog", "dd_"],
        pattern: near_key!("datadog|dd_", "(?:[a-f0-9]{40}|[a-f0-9]{32})"),
        ..Rule::DEFAULT
    },
    // gitleaks `new-relic-user-api-key`: user, insert, query and admin keys.
    Rule {
        name: "newrelic-key",
        anchors: &["NRAK-", "NRII-", "NRIQ-", "NRRA-", "NRAA-"],
        pattern: "NR(?:AK|II|IQ|RA|AA)-[A-Za-z0-9_-]{27,}",
        ..Rule::DEFAULT
    },
    // <https://docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys/>: 36 hex digits and `NRAL`, European ones
    // begin with eu01xx.
    Rule {
        name: "newrelic-license-key",
        anchors: &["NRAL"],
        pattern: whole!("(?:eu01xx[a-f0-9]{30}|[a-f0-9]{36})NRAL"),
        lead: 36,
        start: Start::Token,
        ..Rule::DEFAULT
    },
    // gitleaks `grafana-service-account-token`: cloud access policies, service accounts and API keys.
    Rule {
        name: "grafana-token",
        anchors: &["glc_", "glsa_", "eyJrIjoi"],
        pattern: concat!(
            "(?:glc_[A-Za-z0-9+/]{32,}={0,3}|glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}",
            "|eyJrIjoi[A-Za-z0-9]{60,}={0,3})",
        ),
        ..Rule::DEFAULT
    },
    // gitleaks `sentry-user-token`: organizations, users and integrations.
    Rule {
        name: "sentry-token",
        anchors: &["sntrys_", "sntryu_", "sntrya_", "sntryi_"],
        pattern: "sntry(?:s_eyJ[A-Za-z0-9+/_=-]{60,}|[uai]_[a-f0-9]{64})",
        ..Rule::DEFAULT
    },
    // trufflehog `pagerdutyapikey`: 20 characters.
    Rule {
        name: "pagerduty-key",
        anchors: &["pagerduty"],
        pattern: near_key!("pagerduty", "[A-Za-z0-9+_-]{20}"),
        start: Start::Anywhere,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // <https://docs.honeycomb.io/configure/environments/manage-api-keys/>: ingest keys.
    Rule {
        name: "honeycomb-key",
        anchors: &["hcaik_", "hcxik_", "hcbik_", "hcxlk_"],
        pattern: "hc[a-z][il]k_[a-z0-9]{50,}",
        ..Rule::DEFAULT
    },
    // gitleaks `dynatrace-api-token`: an id and a secret.
    Rule {
        name: "dynatrace-token",
        anchors: &["dt0c01.", "dt0s01.", "dt0s02.", "dt0s04.", "dt0s08.", "dt0s16."],
        pattern: r"dt0[cs][0-9]{2}\.[A-Z0-9]{8,24}\.[A-Z0-9]{64}",
        ..Rule::DEFAULT
    },
    // <https://posthog.com/docs/api>: personal keys; `phc_` is public.
    Rule { name: "posthog-key", anchors: &["phx_", "phs_"], pattern: "ph[xs]_[A-Za-z0-9]{40,}", ..Rule::DEFAULT },
    // GitHub secret scanning `axiom_api_token`: a UUID.
    Rule {
        name: "axiom-token",
        anchors: &["xaat-", "xapt-"],
        pattern: "xa[ap]t-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        ..Rule::DEFAULT
    },
    // <https://docs.splunk.com/Documentation/Splunk/latest/Data/UsetheHTTPEventCollector>: a UUID.
    Rule {
        name: "splunk-token",
        anchors: &["splunk"],
        pattern: near_key!("splunk", "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        start: Start::Anywhere,
        ..Rule::DEFAULT
    },
    // gitleaks `sumologic-access-token`: 64 letters and digits.
    Rule {
        name: "sumologic-key",
        anchors: &["sumologic", "sumo_"],
        pattern: near_key!("sumologic|sumo_", "[A-Za-z0-9]{64}"),
        start: Start::Anywhere,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // trufflehog `rollbar`: 32 hex digits.
    Rule {
        name: "rollbar-token",
        anchors: &["rollbar"],
        pattern: near_key!("rollbar", "[a-f0-9]{32}"),
        start: Start::Anywhere,
        ..Rule::DEFAULT
    },
    // gitleaks `algolia-api-key`: 32 hex digits.
    Rule {
        name: "algolia-key",
        anchors: &["algolia"],
        pattern: near_key!("algolia", "[a-f0-9]{32}"),
        start: Start::Anywhere,
        ..Rule::DEFAULT
    },
    // trufflehog `rapidapi`: groups of hex digits.
    Rule {
        name: "rapidapi-key",
        anchors: &["msh"],
        pattern: "[a-z0-9]{10}msh[a-z0-9]{15}p1[a-z0-9]{6}jsn[a-z0-9]{12}",
        lead: 10,
        start: Start::Token,
        ..Rule::DEFAULT
    },
    // gitleaks `maxmind-license-key`: 6 and 29 characters and `_mmk`.
    Rule {
        name: "maxmind-key",
        anchors: &["_mmk"],
        pattern: "[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk",
        lead: 36,
        start: Start::Token,
        ..Rule::DEFAULT
    },
    // <https://docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys/#license-key>: 36 hex digits before.
    Rule {
        name: "newrelic-ingest-key",
        anchors: &["FFFFNRAL"],
        pattern: whole!("[a-f0-9]{36}FFFFNRAL"),
        start: Start::Token,
        lead: 36,
        ..Rule::DEFAULT
    },
    // gitleaks `new-relic-browser-api-token`: 19 hex digits.
    Rule { name: "newrelic-browser-key", anchors: &["NRJS-"], pattern: whole!("NRJS-[a-f0-9]{19}"), ..Rule::DEFAULT },
    // GitHub secret scanning `segment_public_api_token`: 64 letters and digits.
    Rule {
        name: "segment-token",
        anchors: &["sgp_"],
        pattern: whole!("sgp_[A-Za-z0-9]{64}"),
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // trufflehog `ubidots`: 30 letters and digits.
    Rule { name: "ubidots-key", anchors: &["BBFF-"], pattern: "BBFF-[A-Za-z0-9]{30,}", ..Rule::DEFAULT },
    // <https://docs.statsig.com/sdk-keys/api-keys>: 44 letters and digits.
    Rule {
        name: "statsig-key",
        anchors: &["secret-"],
        pattern: whole!("secret-[A-Za-z0-9]{40,46}"),
        start: Start::Token,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
];
