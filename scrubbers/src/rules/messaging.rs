//! Chat, mail, telephony and social networks.

use super::{Check, Rule, Start};

/// Where two rules find the same text, the first names it.
pub(crate) const RULES: &[Rule] = &[
    // gitleaks `slack-bot-token`: groups of digits, letters and dashes; configuration tokens have two prefixes.
    Rule {
        name: "slack-token",
        anchors: &["xox", "xapp-"],
        pattern: r"(?:xox[a-z](?:\.xox[a-z])?|xapp)-[A-Za-z0-9-]{20,}",
        ..Rule::DEFAULT
    },
    // gitleaks `slack-webhook-url`: whoever knows the path can post.
    Rule {
        name: "slack-webhook",
        anchors: &["hooks.slack.com"],
        pattern: r"(?i:hooks\.slack\.com)/(?:services|workflows|triggers)/(?P<secret>[A-Za-z0-9+_/-]{24,})",
        ..Rule::DEFAULT
    },
    // trufflehog `discordbottoken`: a snowflake in base64, a time and an HMAC.
    Rule {
        name: "discord-token",
        anchors: &["MT", "Mj", "Mz", "ND", "NT", "Nj", "Nz", "OD", "OT"],
        pattern: r"(?:M[Tjz]|N[DTjz]|O[DT])[A-Za-z0-9]{22,26}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}",
        start: Start::Token,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // trufflehog `discordwebhook`: an id and a token.
    Rule {
        name: "discord-webhook",
        anchors: &["discord.com/api/", "discordapp.com/api/"],
        pattern: concat!(
            r"(?i:discord(?:app)?\.com)/api/",
            "(?:v[0-9]{1,2}/)?webhooks/[0-9]{17,20}/(?P<secret>[A-Za-z0-9_-]{40,})",
        ),
        ..Rule::DEFAULT
    },
    // gitleaks `telegram-bot-api-token`: the number of the bot and 35 characters.
    Rule {
        name: "telegram-token",
        anchors: &[":AA"],
        pattern: "(?:bot)?(?P<secret>[0-9]{8,10}:AA[A-Za-z0-9_-]{32,})",
        lead: 13,
        ..Rule::DEFAULT
    },
    // gitleaks `microsoft-teams-webhook`: groups, a key and a tenant.
    Rule {
        name: "teams-webhook",
        anchors: &["webhook.office.com"],
        pattern: concat!(
            r"webhook\.office\.com/webhookb2/(?P<secret>[A-Za-z0-9@-]{70,80}/IncomingWebhook/[A-Za-z0-9]",
            "{32}(?:/[A-Za-z0-9_-]{36,})*)",
        ),
        ..Rule::DEFAULT
    },
    // <https://developers.google.com/workspace/chat/quickstart/webhooks>: a key and a token.
    Rule {
        name: "google-chat-webhook",
        anchors: &["chat.googleapis.com"],
        pattern: concat!(
            r"(?i:chat\.googleapis\.com)/v1/spaces/[A-Za-z0-9_-]{8,20}/messages\?(?P<secret>key=[A-Za-z0",
            "-9_-]{30,}&token=[A-Za-z0-9_=-]{20,})",
        ),
        ..Rule::DEFAULT
    },
    // trufflehog `zapierwebhook`: an account and a hook.
    Rule {
        name: "zapier-webhook",
        anchors: &["hooks.zapier.com"],
        pattern: r"(?i:hooks\.zapier\.com)/hooks/(?:catch|standard)/[0-9]{5,}/[A-Za-z0-9]{5,32}",
        ..Rule::DEFAULT
    },
    // <https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot>: a UUID.
    Rule {
        name: "feishu-webhook",
        anchors: &["open.feishu.cn", "open.larksuite.com"],
        pattern: r"open\.(?:feishu\.cn|larksuite\.com)/open-apis/bot/v2/hook/(?P<secret>[A-Za-z0-9-]{30,})",
        ..Rule::DEFAULT
    },
    // <https://open.dingtalk.com/document/orgapp/custom-robot-access>: 64 hex digits.
    Rule {
        name: "dingtalk-webhook",
        anchors: &["oapi.dingtalk.com"],
        pattern: r"oapi\.dingtalk\.com/robot/send\?access_token=(?P<secret>[a-f0-9]{40,64})",
        ..Rule::DEFAULT
    },
    // <https://developer.work.weixin.qq.com/document/path/91770>: a UUID.
    Rule {
        name: "wecom-webhook",
        anchors: &["qyapi.weixin.qq.com"],
        pattern: r"qyapi\.weixin\.qq\.com/cgi-bin/webhook/send\?key=(?P<secret>[a-f0-9-]{36})",
        ..Rule::DEFAULT
    },
    // gitleaks `twilio-api-key`: 32 hex digits.
    Rule {
        name: "twilio-key",
        anchors: &[
            "SK0", "SK1", "SK2", "SK3", "SK4", "SK5", "SK6", "SK7", "SK8", "SK9", "SKa", "SKb", "SKc", "SKd", "SKe",
            "SKf",
        ],
        pattern: whole!("SK[A-Fa-f0-9]{32}"),
        check: Check::Varied,
        ..Rule::DEFAULT
    },
    // trufflehog `twilio`: 32 hex digits.
    Rule {
        name: "twilio-auth-token",
        anchors: &["twilio"],
        pattern: near_key!("twilio", "[a-f0-9]{32}"),
        start: Start::Anywhere,
        ..Rule::DEFAULT
    },
    // gitleaks `sendgrid-api-token`: 22 and 43 characters.
    Rule {
        name: "sendgrid-key",
        anchors: &["SG."],
        pattern: r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{32,}",
        check: Check::Varied,
        ..Rule::DEFAULT
    },
    // gitleaks `mailgun-private-api-token`: 32 hex digits, public ones too for they validate addresses.
    Rule {
        name: "mailgun-key",
        anchors: &["key-", "pubkey-"],
        pattern: whole!("(?:pub)?key-[a-f0-9]{32}"),
        start: Start::Token,
        ..Rule::DEFAULT
    },
    // gitleaks `mailgun-signing-key`: three groups of hex digits.
    Rule {
        name: "mailgun-signing-key",
        anchors: &["mailgun"],
        pattern: near_key!("mailgun", "[a-f0-9]{32}-[a-f0-9]{8}-[a-f0-9]{8}"),
        start: Start::Anywhere,
        ..Rule::DEFAULT
    },
    // gitleaks `mailchimp-api-key`: 32 hex digits and the data centre.
    Rule {
        name: "mailchimp-key",
        anchors: &["-us"],
        pattern: whole!("[a-f0-9]{32}-us[0-9]{1,2}"),
        lead: 32,
        start: Start::Token,
        ..Rule::DEFAULT
    },
    // gitleaks `sendinblue-api-token`: 64 hex digits and 16 letters and digits.
    Rule {
        name: "brevo-key",
        anchors: &["xkeysib-", "xsmtpsib-"],
        pattern: "x(?:key|smtp)sib-[a-f0-9]{64}-[A-Za-z0-9]{16}",
        ..Rule::DEFAULT
    },
    // trufflehog `resend`: 8 and 24 letters and digits.
    Rule {
        name: "resend-key",
        anchors: &["re_"],
        pattern: "re_[A-Za-z0-9]{8}_[A-Za-z0-9]{20,}",
        start: Start::Token,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // trufflehog `postmark`: a UUID.
    Rule {
        name: "postmark-token",
        anchors: &["postmark"],
        pattern: near_key!("postmark", "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        start: Start::Anywhere,
        ..Rule::DEFAULT
    },
    // <https://mailchimp.com/developer/transactional/docs/fundamentals/>: 22 characters.
    Rule {
        name: "mandrill-key",
        anchors: &["md-"],
        pattern: whole!("md-[A-Za-z0-9_-]{22}"),
        start: Start::Token,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // GitHub secret scanning `mailersend_api_token`: 64 hex digits.
    Rule { name: "mailersend-key", anchors: &["mlsn."], pattern: r"mlsn\.[a-f0-9]{64}", ..Rule::DEFAULT },
    // trufflehog `mailjetbasicauth`: 32 hex digits.
    Rule {
        name: "mailjet-key",
        anchors: &["mailjet", "mj_apikey"],
        pattern: near_key!("mailjet|mj_apikey", "[a-f0-9]{32}"),
        start: Start::Anywhere,
        ..Rule::DEFAULT
    },
    // <https://developers.zoom.us/docs/internal-apps/s2s-oauth/>: 32 characters.
    Rule {
        name: "zoom-secret",
        anchors: &["zoom"],
        pattern: near_key!("zoom", "[A-Za-z0-9]{32}"),
        start: Start::Anywhere,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // trufflehog `nexmoapikey`: 16 letters and digits.
    Rule {
        name: "vonage-secret",
        anchors: &["vonage", "nexmo"],
        pattern: near_key!("vonage|nexmo", "[A-Za-z0-9]{16}"),
        start: Start::Anywhere,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // gitleaks `mattermost-access-token`: 26 letters and digits.
    Rule {
        name: "mattermost-token",
        anchors: &["mattermost"],
        pattern: near_key!("mattermost", "[a-z0-9]{26}"),
        start: Start::Anywhere,
        ..Rule::DEFAULT
    },
    // <https://github.com/matrix-org/synapse/blob/develop/synapse/handlers/auth.py>: the user in base64, 20 letters
    // and a CRC.
    Rule {
        name: "matrix-token",
        anchors: &["syt_", "syr_"],
        pattern: "sy[tr]_[A-Za-z0-9+/=]{2,}_[A-Za-z]{20}_[A-Za-z0-9]{6}",
        ..Rule::DEFAULT
    },
    // GitHub secret scanning `onesignal_rich_authentication_token`: base32.
    Rule {
        name: "onesignal-key",
        anchors: &["os_v2_app_", "os_v2_org_"],
        pattern: "os_v2_(?:app|org)_[a-z0-9]{80,}",
        ..Rule::DEFAULT
    },
    // gitleaks `facebook-page-access-token`: some two hundred letters and digits.
    Rule {
        name: "facebook-token",
        anchors: &["EAAC", "EAAM", "EAAB", "EAAG", "EAAJ", "EAAW"],
        pattern: "EAA[CMBGJW][A-Za-z0-9]{80,}",
        ..Rule::DEFAULT
    },
    // <https://developers.facebook.com/docs/instagram-platform>: some hundred and sixty characters.
    Rule {
        name: "instagram-token",
        anchors: &["IGQV", "IGQW", "IGAA"],
        pattern: "IG(?:Q[VW]|AA)[A-Za-z0-9_-]{80,}",
        ..Rule::DEFAULT
    },
    // gitleaks `twitter-bearer-token`: begins with an empty id.
    Rule {
        name: "x-bearer-token",
        anchors: &["AAAAAAAAAAAAAAAAAAAAA"],
        pattern: "A{20,24}[A-Za-z0-9%+/=]{60,}",
        start: Start::Token,
        ..Rule::DEFAULT
    },
    // gitleaks `twitter-api-secret`: 45 or 50 letters and digits.
    Rule {
        name: "x-secret",
        anchors: &["twitter"],
        pattern: near_key!("twitter", "[A-Za-z0-9]{45,50}"),
        start: Start::Anywhere,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // GitHub secret scanning `linkedin_client_secret`: 16 characters.
    Rule {
        name: "linkedin-secret",
        anchors: &["WPL_AP"],
        pattern: r"WPL_AP[01]\.[A-Za-z0-9]{16}\.[A-Za-z0-9+/=]{4,}",
        ..Rule::DEFAULT
    },
    // trufflehog `discordbottoken`, whoever the bot is, behind the name.
    Rule {
        name: "discord-bot-token",
        anchors: &["discord"],
        pattern: near!("discord", r"[MNO][A-Za-z0-9_-]{22,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}"),
        start: Start::Anywhere,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
];
