//! Tools for teams and products.

use super::{Check, Rule, Start};

/// Where two rules find the same text, the first names it.
pub(crate) const RULES: &[Rule] = &[
    // gitleaks `notion-api-token`: 11 digits and 35 letters and digits, before 43.
    Rule {
        name: "notion-token",
        anchors: &["ntn_", "secret_"],
        pattern: "(?:ntn_[0-9]{9,}[A-Za-z0-9]{30,}|secret_[A-Za-z0-9]{43})",
        ..Rule::DEFAULT
    },
    // gitleaks `linear-api-key`: 40 letters and digits.
    Rule {
        name: "linear-key",
        anchors: &["lin_api_", "lin_oauth_", "lin_wh_"],
        pattern: "lin_(?:api|oauth|wh)_[A-Za-z0-9]{32,}",
        ..Rule::DEFAULT
    },
    // <https://airtable.com/developers/web/guides/personal-access-tokens>: an id and 64 hex digits.
    Rule {
        name: "airtable-token",
        anchors: &["pat"],
        pattern: r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}",
        start: Start::Token,
        ..Rule::DEFAULT
    },
    // GitHub secret scanning `figma_pat`: personal, OAuth and refresh tokens.
    Rule {
        name: "figma-token",
        anchors: &["figd_", "figo_", "figor_", "figu_", "figur_", "figoh_", "figuh_"],
        pattern: "fig(?:d|or?|ur?|oh|uh)_[A-Za-z0-9_-]{36,}",
        ..Rule::DEFAULT
    },
    // <https://developers.asana.com/docs/personal-access-token>: a version, numbers and 32 hex digits.
    Rule {
        name: "asana-token",
        anchors: &["asana"],
        pattern: near!("asana", "[0-2]/[0-9]{10,18}(?:/[0-9]{10,18})?:[a-f0-9]{32}"),
        start: Start::Anywhere,
        ..Rule::DEFAULT
    },
    // GitHub secret scanning `contentful_personal_access_token`: 43 characters.
    Rule { name: "contentful-token", anchors: &["CFPAT-"], pattern: "CFPAT-[A-Za-z0-9_-]{43,}", ..Rule::DEFAULT },
    // <https://docs.mapbox.com/help/getting-started/access-tokens/>: secret and temporary tokens; `pk.` is public.
    Rule {
        name: "mapbox-token",
        anchors: &["sk.eyJ", "tk.eyJ"],
        pattern: r"[st]k\.eyJ[A-Za-z0-9_-]{40,}\.[A-Za-z0-9_-]{20,}",
        ..Rule::DEFAULT
    },
    // <https://developers.hubspot.com/docs/guides/apps/private-apps/overview>: a UUID after its region.
    Rule {
        name: "hubspot-token",
        anchors: &["pat-na1-", "pat-na2-", "pat-na3-", "pat-eu1-", "pat-ap1-"],
        pattern: "pat-(?:na|eu|ap)[0-9]-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        ..Rule::DEFAULT
    },
    // gitleaks `okta-access-token`: the scheme SSWS, 00 and 40 characters.
    Rule {
        name: "okta-token",
        anchors: &["SSWS"],
        pattern: r"SSWS[ \t]+(?P<secret>00[A-Za-z0-9_-]{40})",
        ..Rule::DEFAULT
    },
    // gitleaks `okta-access-token`: 00 and 40 characters.
    Rule {
        name: "okta-api-token",
        anchors: &["okta"],
        pattern: near!("okta", "00[A-Za-z0-9_-]{40}"),
        start: Start::Anywhere,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // <https://auth0.com/docs/get-started/applications/application-settings>: 64 characters.
    Rule {
        name: "auth0-secret",
        anchors: &["auth0"],
        pattern: near_key!("auth0", "[A-Za-z0-9_-]{64}"),
        start: Start::Anywhere,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // GitHub secret scanning `launchdarkly_access_token`: server, mobile and API keys.
    Rule {
        name: "launchdarkly-key",
        anchors: &["sdk-", "mob-", "api-"],
        pattern: "(?:sdk|mob|api)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        start: Start::Token,
        ..Rule::DEFAULT
    },
    // gitleaks `typeform-api-token`: 44 characters, a dot and 14.
    Rule { name: "typeform-token", anchors: &["tfp_"], pattern: "tfp_[A-Za-z0-9_.=-]{40,}", ..Rule::DEFAULT },
    // GitHub secret scanning `intercom_access_token`: base64 of `tok:`.
    Rule { name: "intercom-token", anchors: &["dG9rO"], pattern: "dG9rO[A-Za-z0-9+/]{50,}={0,2}", ..Rule::DEFAULT },
    // gitleaks `zendesk-secret-key`: 40 letters and digits.
    Rule {
        name: "zendesk-token",
        anchors: &["zendesk"],
        pattern: near_key!("zendesk", "[A-Za-z0-9]{40}"),
        start: Start::Anywhere,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // trufflehog `salesforce`: an organization, `!` and a session.
    Rule {
        name: "salesforce-token",
        anchors: &["00D"],
        pattern: "00D[A-Za-z0-9]{12,15}!AQ[A-Za-z0-9_.]{80,}",
        start: Start::Token,
        ..Rule::DEFAULT
    },
    // GitHub secret scanning `clickup_personal_api_key`: a user and 32 letters and digits.
    Rule {
        name: "clickup-token",
        anchors: &["pk_"],
        pattern: "pk_[0-9]{6,10}_[A-Z0-9]{32}",
        start: Start::Token,
        ..Rule::DEFAULT
    },
    // <https://developer.todoist.com/api/v1/>: 40 hex digits.
    Rule {
        name: "todoist-token",
        anchors: &["todoist"],
        pattern: near_key!("todoist", "[a-f0-9]{40}"),
        start: Start::Anywhere,
        ..Rule::DEFAULT
    },
    // gitleaks `dropbox-short-lived-api-token`: some hundred and forty characters.
    Rule {
        name: "dropbox-token",
        anchors: &["sl."],
        pattern: r"sl\.(?:u\.)?[A-Za-z0-9_=-]{100,}",
        start: Start::Token,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // gitleaks `readme-api-token`: 70 letters and digits.
    Rule { name: "readme-key", anchors: &["rdme_"], pattern: "rdme_[a-z0-9]{70}", ..Rule::DEFAULT },
    // trufflehog `apify`: 36 letters and digits.
    Rule { name: "apify-token", anchors: &["apify_api_"], pattern: "apify_api_[A-Za-z0-9]{30,}", ..Rule::DEFAULT },
    // GitHub secret scanning `retool_api_access_token`: 26 letters and digits.
    Rule { name: "retool-key", anchors: &["retool_01"], pattern: "retool_01[a-z0-9]{24}", ..Rule::DEFAULT },
    // gitleaks `frameio-api-token`: 64 characters.
    Rule {
        name: "frameio-token",
        anchors: &["fio-u-"],
        pattern: "fio-u-[A-Za-z0-9_=-]{64}",
        start: Start::Token,
        ..Rule::DEFAULT
    },
    // gitleaks `adobe-client-secret`: 32 letters and digits.
    Rule { name: "adobe-secret", anchors: &["p8e-"], pattern: "p8e-[A-Za-z0-9]{32}", ..Rule::DEFAULT },
    // GitHub secret scanning `telnyx_api_v2_key`: an id and a secret.
    Rule { name: "telnyx-key", anchors: &["KEY01"], pattern: "KEY01[A-F0-9]{30}_[A-Za-z0-9]{22}", ..Rule::DEFAULT },
    // GitHub secret scanning `stytch_secret_key`: 36 characters of base64url.
    Rule {
        name: "stytch-secret",
        anchors: &["secret-live-", "secret-test-"],
        pattern: "secret-(?:live|test)-[A-Za-z0-9_-]{35,}={0,2}",
        ..Rule::DEFAULT
    },
    // <https://www.sanity.io/docs/http-auth>: some 180 letters and digits.
    Rule {
        name: "sanity-token",
        anchors: &["sk"],
        pattern: whole!("sk[A-Za-z0-9]{140,200}"),
        start: Start::Token,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // GitHub secret scanning `onfido_live_api_token`: an id and a secret.
    Rule {
        name: "onfido-token",
        anchors: &["api_live", "api_sandbox"],
        pattern: r"api_(?:live|sandbox)(?:_[a-z]{2})?\.[A-Za-z0-9_-]{11}\.[A-Za-z0-9_-]{32}",
        ..Rule::DEFAULT
    },
    // <https://docs.hcaptcha.com/#verify-the-user-response-server-side>: 32 hex digits.
    Rule {
        name: "hcaptcha-secret",
        anchors: &["ES_"],
        pattern: whole!("ES_[a-f0-9]{32}"),
        start: Start::Token,
        ..Rule::DEFAULT
    },
    // GitHub secret scanning `zuplo_consumer_api_key`: a secret and a checksum.
    Rule { name: "zuplo-key", anchors: &["zpka_"], pattern: "zpka_[a-z0-9]{32}_[a-z0-9]{8}", ..Rule::DEFAULT },
];
