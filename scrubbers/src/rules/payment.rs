//! Payment, banking and trade.

use super::{Check, Rule, Start};

/// Where two rules find the same text, the first names it.
pub(crate) const RULES: &[Rule] = &[
    // gitleaks `stripe-access-token`: secret and restricted; Paystack, Clerk and Checkout.com have the same form.
    Rule {
        name: "stripe-key",
        anchors: &["sk_live_", "sk_test_", "sk_prod_", "rk_live_", "rk_test_", "rk_prod_", "sk_sbox_"],
        pattern: "[rs]k_(?:live|test|prod|sbox)_[A-Za-z0-9]{16,}",
        check: Check::Varied,
        ..Rule::DEFAULT
    },
    // <https://docs.stripe.com/webhooks/signature>: signs webhooks; Svix has the same form in base64.
    Rule {
        name: "stripe-webhook",
        anchors: &["whsec_"],
        pattern: "whsec_[A-Za-z0-9+/]{24,}={0,2}",
        check: Check::Varied,
        ..Rule::DEFAULT
    },
    // gitleaks `square-access-token`: access tokens and OAuth secrets.
    Rule {
        name: "square-token",
        anchors: &["sq0atp-", "sq0csp-", "EAAA"],
        pattern: "(?:sq0(?:atp|csp)-[A-Za-z0-9_-]{22,}|EAAA[A-Za-z0-9_-]{56,})",
        ..Rule::DEFAULT
    },
    // trufflehog `paypaloauth`: an access token.
    Rule { name: "paypal-token", anchors: &["A21AA"], pattern: "A21AA[A-Za-z0-9_-]{60,}", ..Rule::DEFAULT },
    // <https://developer.paypal.com/braintree/docs/guides/authorization/overview>: an id and 32 hex digits.
    Rule {
        name: "braintree-token",
        anchors: &["access_token$"],
        pattern: r"access_token\$(?:production|sandbox)\$[a-z0-9]{16}\$[a-f0-9]{32}",
        ..Rule::DEFAULT
    },
    // gitleaks `shopify-access-token`: 32 hex digits.
    Rule {
        name: "shopify-token",
        anchors: &["shpat_", "shpca_", "shppa_", "shpss_", "shptka_", "shpua_"],
        pattern: "shp(?:at|ca|pa|ss|tka|ua)_[a-fA-F0-9]{32}",
        ..Rule::DEFAULT
    },
    // trufflehog `razorpay`: 14 letters and digits.
    Rule {
        name: "razorpay-key",
        anchors: &["rzp_live_", "rzp_test_"],
        pattern: whole!("rzp_(?:live|test)_[A-Za-z0-9]{14,24}"),
        ..Rule::DEFAULT
    },
    // gitleaks `plaid-api-token`: a UUID after its environment.
    Rule {
        name: "plaid-token",
        anchors: &["access-sandbox-", "access-development-", "access-production-"],
        pattern: "access-(?:sandbox|development|production)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        ..Rule::DEFAULT
    },
    // gitleaks `plaid-secret-key`: 30 hex digits.
    Rule {
        name: "plaid-secret",
        anchors: &["plaid"],
        pattern: near_key!("plaid", "[a-f0-9]{30}"),
        start: Start::Anywhere,
        ..Rule::DEFAULT
    },
    // <https://docs.adyen.com/development-resources/api-credentials/>: base64.
    Rule {
        name: "adyen-key",
        anchors: &["AQE"],
        pattern: r"AQE[A-Za-z0-9]{5,}[A-Za-z0-9+/=.!@#$%^&*()\[\]{}|~<>?_-]{60,}",
        start: Start::Token,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // gitleaks `flutterwave-secret-key`: live and test.
    Rule {
        name: "flutterwave-key",
        anchors: &["FLWSECK"],
        pattern: "FLWSECK(?:_TEST)?-[A-Za-z0-9]{12,}(?:-X)?",
        ..Rule::DEFAULT
    },
    // gitleaks `coinbase-access-token`: 64 characters.
    Rule {
        name: "coinbase-secret",
        anchors: &["coinbase"],
        pattern: near_key!("coinbase", "[A-Za-z0-9_-]{64}"),
        start: Start::Anywhere,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // <https://developers.binance.com/docs/binance-spot-api-docs/rest-api>: 64 letters and digits.
    Rule {
        name: "binance-secret",
        anchors: &["binance"],
        pattern: near_key!("binance", "[A-Za-z0-9]{64}"),
        start: Start::Anywhere,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // <https://www.mercadopago.com.br/developers/en/docs/your-integrations/credentials>: an application, a date, 32
    // hex digits and a user.
    Rule {
        name: "mercadopago-token",
        anchors: &["APP_USR-", "TEST-"],
        pattern: "(?:APP_USR|TEST)-[0-9]{12,18}-[0-9]{6}-[a-f0-9]{32}(?:__[A-Z_]+__)?-[0-9]+",
        ..Rule::DEFAULT
    },
    // gitleaks `gocardless-api-token`: 40 characters.
    Rule {
        name: "gocardless-token",
        anchors: &["live_"],
        pattern: "live_[A-Za-z0-9_-]{40}",
        start: Start::Token,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // GitHub secret scanning `paddle_api_key`: an id, a secret and a checksum.
    Rule {
        name: "paddle-key",
        anchors: &["pdl_live_apikey_", "pdl_sdbx_apikey_"],
        pattern: "pdl_(?:live|sdbx)_apikey_[a-z0-9]{26}_[A-Za-z0-9]{22}_[A-Za-z0-9]{3}",
        ..Rule::DEFAULT
    },
    // GitHub secret scanning `polar_access_token`: organizations, people and customers.
    Rule {
        name: "polar-token",
        anchors: &["polar_oat_", "polar_pat_", "polar_cst_", "polar_ci_", "polar_cs_"],
        pattern: "polar_(?:oat|pat|cst|ci|cs)_[A-Za-z0-9]{32,}",
        ..Rule::DEFAULT
    },
    // <https://docs.xendit.co/docs/integrations>: 48 letters and digits or more.
    Rule {
        name: "xendit-key",
        anchors: &["xnd_production_", "xnd_development_"],
        pattern: "xnd_(?:production|development)_[A-Za-z0-9]{40,}",
        ..Rule::DEFAULT
    },
    // GitHub secret scanning `midtrans_production_server_key`: 24 characters.
    Rule { name: "midtrans-key", anchors: &["Mid-server-"], pattern: "Mid-server-[A-Za-z0-9_-]{20,}", ..Rule::DEFAULT },
    // gitleaks `easypost-api-token`: production and test.
    Rule {
        name: "easypost-key",
        anchors: &["EZAK", "EZTK"],
        pattern: whole!("EZ[AT]K[A-Za-z0-9]{54}"),
        ..Rule::DEFAULT
    },
    // gitleaks `shippo-api-token`: 40 hex digits.
    Rule {
        name: "shippo-token",
        anchors: &["shippo_live_", "shippo_test_"],
        pattern: "shippo_(?:live|test)_[a-fA-F0-9]{40}",
        ..Rule::DEFAULT
    },
    // gitleaks `duffel-api-token`: 43 characters.
    Rule {
        name: "duffel-token",
        anchors: &["duffel_live_", "duffel_test_"],
        pattern: "duffel_(?:live|test)_[A-Za-z0-9_=-]{43}",
        start: Start::Token,
        ..Rule::DEFAULT
    },
    // gitleaks `lob-api-key`: 35 hex digits.
    Rule {
        name: "lob-key",
        anchors: &["live_", "test_"],
        pattern: whole!("(?:live|test)_[a-f0-9]{35}"),
        start: Start::Token,
        ..Rule::DEFAULT
    },
    // <https://docs.mollie.com/reference/authentication>: 30 letters and digits.
    Rule {
        name: "mollie-key",
        anchors: &["live_", "test_"],
        pattern: whole!("(?:live|test)_[A-Za-z0-9]{30}"),
        start: Start::Token,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
];
