//! Services of AI, and their clients.

use super::{Check, Rule, Start};

/// Where two rules find the same text, the first names it.
pub(crate) const RULES: &[Rule] = &[
    // gitleaks `anthropic-api-key`: api03, admin01, oat01, ort01 or sid01, then some 90 characters and AA.
    Rule { name: "anthropic-key", anchors: &["sk-ant-"], pattern: "sk-ant-[A-Za-z0-9_-]{20,}", ..Rule::DEFAULT },
    // <https://openrouter.ai/docs/api-reference/authentication>: 64 hex digits.
    Rule { name: "openrouter-key", anchors: &["sk-or-"], pattern: "sk-or-(?:v1-)?[A-Za-z0-9]{32,}", ..Rule::DEFAULT },
    // trufflehog `langfuse`: a UUID; `pk-lf-` is public.
    Rule {
        name: "langfuse-key",
        anchors: &["sk-lf-"],
        pattern: whole!("sk-lf-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        start: Start::Token,
        ..Rule::DEFAULT
    },
    // trufflehog `deepseek`: 32 letters and digits in lower case.
    Rule {
        name: "deepseek-key",
        anchors: &["sk-"],
        pattern: whole!("sk-[a-z0-9]{32}"),
        start: Start::Token,
        ..Rule::DEFAULT
    },
    // gitleaks `openai-api-key`: projects, service accounts and administrators have a word after `sk-`, users 48
    // characters; compatible services copy the form.
    Rule {
        name: "openai-key",
        anchors: &["sk-"],
        pattern: concat!(
            "sk-(?:(?:proj|svcacct|service|admin|None)-[A-Za-z0-9_-]{20,}|(?:[a-z]{1,8}-)?",
            "(?:v[0-9]-)?[A-Za-z0-9]{20,}[A-Za-z0-9_-]*)",
        ),
        ..Rule::DEFAULT
    },
    // <https://platform.openai.com/docs/api-reference/authentication>: a browser session of the platform, 40
    // characters.
    Rule { name: "openai-session", anchors: &["sess-"], pattern: "sess-[A-Za-z0-9]{32,}", ..Rule::DEFAULT },
    // <https://github.com/openai/codex/blob/main/codex-rs/login/src/auth>: the refresh token in `auth.json`.
    Rule {
        name: "codex-auth",
        anchors: &["rt_", "rt.1."],
        pattern: r"rt(?:_|\.1\.)[A-Za-z0-9_-]{40,}",
        start: Start::Token,
        ..Rule::DEFAULT
    },
    // trufflehog `groq`: 52 letters and digits.
    Rule { name: "groq-key", anchors: &["gsk_"], pattern: "gsk_[A-Za-z0-9]{40,}", ..Rule::DEFAULT },
    // trufflehog `xai`: 80 characters.
    Rule { name: "xai-key", anchors: &["xai-"], pattern: "xai-[A-Za-z0-9_]{60,}", ..Rule::DEFAULT },
    // gitleaks `perplexity-api-key`: 48 letters and digits.
    Rule { name: "perplexity-key", anchors: &["pplx-"], pattern: "pplx-[A-Za-z0-9]{40,}", ..Rule::DEFAULT },
    // trufflehog `replicate`: 37 letters and digits.
    Rule { name: "replicate-token", anchors: &["r8_"], pattern: whole!("r8_[A-Za-z0-9]{37,40}"), ..Rule::DEFAULT },
    // gitleaks `huggingface-access-token`: 34 letters.
    Rule {
        name: "huggingface-token",
        anchors: &["hf_", "api_org_"],
        pattern: "(?:hf|api_org)_[A-Za-z0-9]{30,}",
        check: Check::Varied,
        ..Rule::DEFAULT
    },
    // trufflehog `cerebras`: 48 letters and digits.
    Rule { name: "cerebras-key", anchors: &["csk-"], pattern: whole!("csk-[a-z0-9]{48}"), ..Rule::DEFAULT },
    // trufflehog `nvapi`: 64 characters.
    Rule { name: "nvidia-key", anchors: &["nvapi-"], pattern: "nvapi-[A-Za-z0-9_-]{60,}", ..Rule::DEFAULT },
    // trufflehog `langsmith`: personal or service, 32 and 10 hex digits.
    Rule {
        name: "langsmith-key",
        anchors: &["lsv2_"],
        pattern: "lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}",
        ..Rule::DEFAULT
    },
    // GitHub secret scanning `pinecone_api_key`: an id and 60 letters and digits or so.
    Rule {
        name: "pinecone-key",
        anchors: &["pcsk_"],
        pattern: "pcsk_[A-Za-z0-9]{4,8}_[A-Za-z0-9]{50,}",
        ..Rule::DEFAULT
    },
    // GitHub secret scanning `fireworks_ai_api_key`: 22 to 24 letters and digits.
    Rule { name: "fireworks-key", anchors: &["fw_"], pattern: whole!("fw_[A-Za-z0-9]{22,24}"), ..Rule::DEFAULT },
    // <https://docs.together.ai/docs/api-keys-authentication>: 43 characters.
    Rule { name: "together-key", anchors: &["tgp_v1_"], pattern: "tgp_v1_[A-Za-z0-9_-]{40,}", ..Rule::DEFAULT },
    // <https://docs.tavily.com/documentation/api-reference/introduction>: 32 letters and digits.
    Rule {
        name: "tavily-key",
        anchors: &["tvly-"],
        pattern: "tvly-(?:(?:dev|prod)-)?[A-Za-z0-9]{28,}",
        ..Rule::DEFAULT
    },
    // <https://jina.ai/api-dashboard/>: 60 characters.
    Rule { name: "jina-key", anchors: &["jina_"], pattern: "jina_[A-Za-z0-9_-]{50,}", ..Rule::DEFAULT },
    // <https://docs.firecrawl.dev/api-reference/introduction>: 32 hex digits.
    Rule {
        name: "firecrawl-key",
        anchors: &["fc-"],
        pattern: whole!("fc-[a-f0-9]{32}"),
        start: Start::Token,
        ..Rule::DEFAULT
    },
    // <https://docs.voyageai.com/docs/api-key-and-installation>: 43 characters.
    Rule {
        name: "voyage-key",
        anchors: &["pa-"],
        pattern: whole!("pa-[A-Za-z0-9_-]{43}"),
        start: Start::Token,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // trufflehog `elevenlabs`: 48 hex digits.
    Rule {
        name: "elevenlabs-key",
        anchors: &["sk_"],
        pattern: whole!("sk_[a-f0-9]{48}"),
        start: Start::Token,
        ..Rule::DEFAULT
    },
    // <https://docs.anyscale.com/>: 26 letters and digits or more.
    Rule { name: "anyscale-key", anchors: &["esecret_"], pattern: "esecret_[a-z0-9]{24,}", ..Rule::DEFAULT },
    // <https://docs.cursor.com/en/account/teams/admin-api>: 64 hex digits.
    Rule {
        name: "cursor-key",
        anchors: &["key_"],
        pattern: whole!("key_[a-f0-9]{64}"),
        start: Start::Token,
        ..Rule::DEFAULT
    },
    // GitHub secret scanning `wandb_api_key`: the versioned form.
    Rule { name: "wandb-key", anchors: &["wandb_v1_"], pattern: "wandb_v1_[A-Za-z0-9_]{40,}", ..Rule::DEFAULT },
    // <https://docs.wandb.ai/>: 40 hex digits.
    Rule {
        name: "wandb-legacy-key",
        anchors: &["wandb", "weights_and_biases"],
        pattern: near_key!("wandb|weights_and_biases", "[a-f0-9]{40}"),
        start: Start::Anywhere,
        ..Rule::DEFAULT
    },
    // gitleaks `cohere-api-token`: 40 letters and digits.
    Rule {
        name: "cohere-key",
        anchors: &["cohere", "co_api_key"],
        pattern: near!("cohere|co_api_key", "[A-Za-z0-9]{40}"),
        start: Start::Anywhere,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // trufflehog `mistral`: 32 letters and digits.
    Rule {
        name: "mistral-key",
        anchors: &["mistral"],
        pattern: near!("mistral", "[A-Za-z0-9]{32}"),
        start: Start::Anywhere,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // trufflehog `assemblyai`: 32 hex digits.
    Rule {
        name: "assemblyai-key",
        anchors: &["assemblyai"],
        pattern: near_key!("assemblyai", "[a-f0-9]{32}"),
        start: Start::Anywhere,
        ..Rule::DEFAULT
    },
    // trufflehog `deepgram`: 40 hex digits.
    Rule {
        name: "deepgram-key",
        anchors: &["deepgram"],
        pattern: near_key!("deepgram", "[a-f0-9]{40}"),
        start: Start::Anywhere,
        ..Rule::DEFAULT
    },
    // <https://e2b.dev/docs/api-key>: 40 hex digits.
    Rule { name: "e2b-key", anchors: &["e2b_"], pattern: whole!("e2b_[a-f0-9]{40}"), ..Rule::DEFAULT },
    // <https://docs.runpod.io/get-started/api-keys>: letters and digits.
    Rule {
        name: "runpod-key",
        anchors: &["rpa_"],
        pattern: whole!("rpa_[A-Z0-9]{40,46}[a-z0-9]{0,6}"),
        start: Start::Token,
        ..Rule::DEFAULT
    },
    // <https://docs.browserbase.com/reference/api/overview>: 27 characters.
    Rule {
        name: "browserbase-key",
        anchors: &["bb_live_", "bb_test_"],
        pattern: "bb_(?:live|test)_[A-Za-z0-9_-]{24,}",
        ..Rule::DEFAULT
    },
    // <https://modal.com/docs/reference/modal.config>: the id and the secret of a token, 22 letters and digits.
    Rule {
        name: "modal-token",
        anchors: &["ak-", "as-"],
        pattern: whole!("a[ks]-[A-Za-z0-9]{22}"),
        start: Start::Token,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // <https://docs.lambda.ai/public-cloud/cloud-api/>: a name, an id and a secret.
    Rule {
        name: "lambda-cloud-key",
        anchors: &["secret_"],
        pattern: r"secret_[A-Za-z0-9_]{6,40}_[a-f0-9]{32}\.[A-Za-z0-9]{32}",
        start: Start::Token,
        ..Rule::DEFAULT
    },
    // <https://docs.helicone.ai/helicone-headers/helicone-auth>: four groups of letters and digits.
    Rule {
        name: "helicone-key",
        anchors: &["sk-helicone-", "pk-helicone-"],
        pattern: "[sp]k-helicone-(?:[a-z]{2}-)?(?:[a-z0-9]{7}-){3}[a-z0-9]{7}",
        ..Rule::DEFAULT
    },
];
