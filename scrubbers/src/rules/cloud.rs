//! Clouds, hosting and databases.

use super::{Check, Rule, Start};

/// Where two rules find the same text, the first names it.
pub(crate) const RULES: &[Rule] = &[
    // gitleaks `aws-access-token`: long-term, temporary, bearer or context-specific.
    Rule {
        name: "aws-access-key-id",
        anchors: &["AKIA", "ASIA", "ABIA", "ACCA"],
        pattern: whole!("(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}"),
        check: Check::Varied,
        ..Rule::DEFAULT
    },
    // <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html>: 40 characters of base64.
    Rule {
        name: "aws-secret",
        anchors: &["aws"],
        pattern: near_key!("aws", "[A-Za-z0-9/+]{40}"),
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // <https://docs.aws.amazon.com/STS/latest/APIReference/API_Credentials.html>: base64 of a protocol buffer that
    // names `origin` or `aws`.
    Rule {
        name: "aws-session-token",
        anchors: &["IQoJb3JpZ2lu", "FwoGZXIvYXdz", "FQoGZXIvYXdz"],
        pattern: "(?:IQoJb3JpZ2lu|F[wQ]oGZXIvYXdz)[A-Za-z0-9+/]{80,}={0,2}",
        ..Rule::DEFAULT
    },
    // <https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html>: base64 of `BedrockAPIKey-…`, or a
    // presigned request.
    Rule {
        name: "aws-bedrock-key",
        anchors: &["ABSK", "bedrock-api-key-"],
        pattern: "(?:ABSK[A-Za-z0-9+/]{100,}|bedrock-api-key-[A-Za-z0-9+/]{40,})={0,2}",
        ..Rule::DEFAULT
    },
    // <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>: opens a presigned URL.
    Rule {
        name: "aws-signature",
        anchors: &["X-Amz-Signature="],
        pattern: "(?i:X-Amz-Signature)=(?P<secret>[a-f0-9]{64})",
        ..Rule::DEFAULT
    },
    // gitleaks `gcp-api-key`: 35 characters.
    Rule {
        name: "google-api-key",
        anchors: &["AIza"],
        pattern: "AIza[A-Za-z0-9_-]{35,}",
        check: Check::Varied,
        ..Rule::DEFAULT
    },
    // trufflehog `googleoauth2`: 28 characters.
    Rule { name: "google-oauth-secret", anchors: &["GOCSPX-"], pattern: "GOCSPX-[A-Za-z0-9_-]{28,}", ..Rule::DEFAULT },
    // trufflehog `googleoauth2`: an access token.
    Rule {
        name: "google-oauth-token",
        anchors: &["ya29."],
        pattern: r"ya29\.[A-Za-z0-9_-]{20,}(?:\.[A-Za-z0-9_-]+)*",
        ..Rule::DEFAULT
    },
    // <https://developers.google.com/identity/protocols/oauth2>: some hundred characters.
    Rule { name: "google-refresh-token", anchors: &["1//0"], pattern: "1//0[A-Za-z0-9_-]{40,}", ..Rule::DEFAULT },
    // <https://cloud.google.com/iam/docs/keys-create-delete>: names the key in a service account file.
    Rule {
        name: "gcp-private-key-id",
        anchors: &["private_key_id"],
        pattern: r#"private_key_id["']?[ \t]*[:=][ \t]*["']?(?P<secret>[a-f0-9]{40})"#,
        ..Rule::DEFAULT
    },
    // <https://cloud.google.com/storage/docs/authentication/hmackeys>: 61 characters for service accounts, 24 for
    // users.
    Rule {
        name: "google-hmac-key",
        anchors: &["GOOG1", "GOOG"],
        pattern: whole!("GOOG1?[A-Z0-9]{20,57}"),
        ..Rule::DEFAULT
    },
    // <https://firebase.google.com/docs/cloud-messaging/auth-server>: a server key or registration token of FCM.
    Rule {
        name: "firebase-key",
        anchors: &[":APA91b"],
        pattern: ":(?P<secret>APA91b[A-Za-z0-9_-]{100,})",
        start: Start::Anywhere,
        ..Rule::DEFAULT
    },
    // trufflehog `azure_storage`: storage, service bus, event hub, Cosmos DB.
    Rule {
        name: "azure-connection",
        anchors: &["AccountKey=", "SharedAccessKey=", "AccessKey="],
        pattern: "(?i:AccountKey|AccessKey)=(?P<secret>[A-Za-z0-9+/]{40,}={0,2})",
        start: Start::Anywhere,
        ..Rule::DEFAULT
    },
    // <https://learn.microsoft.com/en-us/rest/api/storageservices/create-service-sas>: an HMAC in base64.
    Rule {
        name: "azure-sas",
        anchors: &["sig="],
        pattern: r"sig=(?P<secret>[A-Za-z0-9+/]{43}=?)(?:[^A-Za-z0-9+/]|\z)",
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // gitleaks `azure-ad-client-secret`: three characters, a digit, then `Q~`.
    Rule {
        name: "azure-client-secret",
        anchors: &["0Q~", "1Q~", "2Q~", "3Q~", "4Q~", "5Q~", "6Q~", "7Q~", "8Q~", "9Q~"],
        pattern: whole!("[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}"),
        lead: 3,
        start: Start::Token,
        ..Rule::DEFAULT
    },
    // <https://learn.microsoft.com/en-us/purview/sit-defn-azure-devops-personal-access-token>: 84 characters, `JQQJ99`
    // after 52 of them.
    Rule {
        name: "azure-key",
        anchors: &["JQQJ99"],
        pattern: whole!("[A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{22,30}"),
        lead: 52,
        start: Start::Token,
        ..Rule::DEFAULT
    },
    // gitleaks `alibaba-access-key-id`: 12 to 20 letters and digits.
    Rule { name: "alibaba-key-id", anchors: &["LTAI"], pattern: whole!("LTAI[A-Za-z0-9]{12,20}"), ..Rule::DEFAULT },
    // <https://cloud.tencent.com/document/product/598/40488>: 32 letters and digits.
    Rule { name: "tencent-key-id", anchors: &["AKID"], pattern: whole!("AKID[A-Za-z0-9]{32}"), ..Rule::DEFAULT },
    // <https://www.volcengine.com/docs/6291/65568>: base64.
    Rule { name: "volcengine-key-id", anchors: &["AKLT"], pattern: "AKLT[A-Za-z0-9+/_-]{30,}={0,2}", ..Rule::DEFAULT },
    // <https://cloud.baidu.com/doc/qianfan-api/s/ym9chdsy5>: two halves.
    Rule {
        name: "baidu-key",
        anchors: &["bce-v3/ALTAK-"],
        pattern: "bce-v3/ALTAK-[A-Za-z0-9]{20,24}/[a-f0-9]{40}",
        ..Rule::DEFAULT
    },
    // gitleaks `digitalocean-pat`: 64 hex digits.
    Rule {
        name: "digitalocean-token",
        anchors: &["dop_v1_", "doo_v1_", "dor_v1_"],
        pattern: "do[opr]_v1_[A-Fa-f0-9]{40,}",
        check: Check::Varied,
        ..Rule::DEFAULT
    },
    // gitleaks `heroku-api-key-v2`: 58 characters.
    Rule { name: "heroku-key", anchors: &["HRKU-"], pattern: "HRKU-[A-Za-z0-9_-]{36,}", ..Rule::DEFAULT },
    // gitleaks `flyio-access-token`: macaroons, with or without their scheme.
    Rule {
        name: "fly-token",
        anchors: &["fo1_", "fm1a_", "fm1r_", "fm2_"],
        pattern: concat!(
            "f(?:o1_[A-Za-z0-9_-]{40,}|m(?:1[ar]|2)_[A-Za-z0-9+/]{60,}={0,3})(?:,f(?:o1|m1[ar]",
            "|m2)_[A-Za-z0-9+/_-]{40,}={0,3})*",
        ),
        ..Rule::DEFAULT
    },
    // <https://vercel.com/docs/rest-api>: `vcp_` and its siblings.
    Rule {
        name: "vercel-token",
        anchors: &["vcp_", "vci_", "vca_", "vcr_", "vck_"],
        pattern: "vc[piark]_[A-Za-z0-9]{24,}",
        ..Rule::DEFAULT
    },
    // trufflehog `vercel`: 24 letters and digits.
    Rule {
        name: "vercel-legacy-token",
        anchors: &["vercel"],
        pattern: near_key!("vercel", "[A-Za-z0-9]{24}"),
        start: Start::Anywhere,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // GitHub secret scanning `netlify_api_token`: 36 characters or more.
    Rule {
        name: "netlify-token",
        anchors: &["nfp_", "nfc_", "nfo_", "nfu_"],
        pattern: "nf[pcou]_[A-Za-z0-9]{34,}",
        ..Rule::DEFAULT
    },
    // <https://developers.cloudflare.com/fundamentals/api/get-started/token-formats/>: keys, user and account tokens
    // that scanners know.
    Rule {
        name: "cloudflare-token",
        anchors: &["cfk_", "cfut_", "cfat_"],
        pattern: "cf(?:k|ut|at)_[A-Za-z0-9]{36,}",
        ..Rule::DEFAULT
    },
    // gitleaks `cloudflare-api-key`: 40 characters.
    Rule {
        name: "cloudflare-legacy-token",
        anchors: &["cloudflare", "cf_api"],
        pattern: near_key!("cloudflare|cf_api", "[A-Za-z0-9_-]{40}"),
        start: Start::Anywhere,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // gitleaks `cloudflare-global-api-key`: 37 hex digits.
    Rule {
        name: "cloudflare-global-key",
        anchors: &["cloudflare", "cf_api"],
        pattern: near_key!("cloudflare|cf_api", "[a-f0-9]{37}"),
        start: Start::Anywhere,
        ..Rule::DEFAULT
    },
    // gitleaks `cloudflare-origin-ca-key`: 24 and 146 hex digits.
    Rule {
        name: "cloudflare-origin-key",
        anchors: &["v1.0-"],
        pattern: r"v1\.0-[a-f0-9]{24}-[a-f0-9]{140,}",
        ..Rule::DEFAULT
    },
    // <https://render.com/docs/api>: 28 letters and digits or more.
    Rule { name: "render-key", anchors: &["rnd_"], pattern: "rnd_[A-Za-z0-9]{24,}", ..Rule::DEFAULT },
    // trufflehog `railwayapp`: a UUID.
    Rule {
        name: "railway-token",
        anchors: &["railway"],
        pattern: near_key!("railway", "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        start: Start::Anywhere,
        ..Rule::DEFAULT
    },
    // GitHub secret scanning `supabase_personal_access_token`: 40 hex digits, or a secret key of a project.
    Rule {
        name: "supabase-token",
        anchors: &["sbp_", "sb_secret_"],
        pattern: "(?:sbp_(?:v0_)?[a-f0-9]{40}|sb_secret_[A-Za-z0-9_-]{28,})",
        ..Rule::DEFAULT
    },
    // gitleaks `planetscale-api-token`: a token, an OAuth token or a password.
    Rule {
        name: "planetscale-token",
        anchors: &["pscale_tkn_", "pscale_oauth_", "pscale_pw_", "pscale_otkn_", "pscale_app_secret_"],
        pattern: "pscale_(?:tkn|oauth|pw|otkn|app_secret)_[A-Za-z0-9_=.-]{30,64}",
        start: Start::Token,
        ..Rule::DEFAULT
    },
    // <https://neon.com/docs/manage/api-keys>: 64 letters and digits.
    Rule { name: "neon-key", anchors: &["napi_"], pattern: "napi_[a-z0-9]{50,}", ..Rule::DEFAULT },
    // gitleaks `databricks-api-token`: 32 hex digits.
    Rule {
        name: "databricks-token",
        anchors: &["dapi", "dose", "dsapi", "dkea"],
        pattern: whole!("(?:dapi|dose|dsapi|dkea)[a-f0-9]{32}(?:-[0-9])?"),
        ..Rule::DEFAULT
    },
    // trufflehog `snowflake`: a programmatic access token.
    Rule {
        name: "snowflake-token",
        anchors: &["snowflake"],
        pattern: near_key!("snowflake", "[A-Za-z0-9_-]{60,255}"),
        start: Start::Anywhere,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // gitleaks `yandex-api-key`: an API key, IAM token, static key or OAuth token.
    Rule {
        name: "yandex-key",
        anchors: &["AQVN", "t1.", "YCA", "YCM", "YCN", "YCO", "YCP", "y0_", "y1_", "y2_", "y3_"],
        pattern: concat!(
            r"(?:AQVN[A-Za-z0-9_-]{35,38}|t1\.[A-Za-z0-9_-]{40,}={0,2}\.[A-Za-z0-9_-]{86}={0,2}",
            "|YC[A-Za-z0-9_-]{38}|y[0-3]_[A-Za-z0-9_-]{55,})",
        ),
        start: Start::Token,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // trufflehog `ibmclouduserkey`: 44 characters.
    Rule {
        name: "ibm-cloud-key",
        anchors: &["ibm"],
        pattern: near!("ibm", "[A-Za-z0-9_-]{44}"),
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // <https://www.scaleway.com/en/docs/iam/concepts/>: 17 letters and digits.
    Rule { name: "scaleway-key-id", anchors: &["SCW"], pattern: whole!("SCW[A-Z0-9]{17}"), ..Rule::DEFAULT },
    // <https://www.scaleway.com/en/docs/iam/concepts/>: a UUID.
    Rule {
        name: "scaleway-secret",
        anchors: &["scaleway", "scw_"],
        pattern: near_key!("scaleway|scw_", "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        start: Start::Anywhere,
        ..Rule::DEFAULT
    },
    // <https://techdocs.akamai.com/linode-api/reference/api>: 64 hex digits.
    Rule {
        name: "linode-token",
        anchors: &["linode"],
        pattern: near_key!("linode", "[a-f0-9]{64}"),
        start: Start::Anywhere,
        ..Rule::DEFAULT
    },
    // <https://docs.hetzner.cloud/reference/cloud>: 64 letters and digits.
    Rule {
        name: "hetzner-token",
        anchors: &["hetzner", "hcloud"],
        pattern: near_key!("hetzner|hcloud", "[A-Za-z0-9]{64}"),
        start: Start::Anywhere,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // trufflehog `vultrapikey`: 36 letters and digits.
    Rule {
        name: "vultr-key",
        anchors: &["vultr"],
        pattern: near_key!("vultr", "[A-Z0-9]{36}"),
        start: Start::Anywhere,
        ..Rule::DEFAULT
    },
    // <https://aiven.io/docs/tools/cli>: service passwords.
    Rule { name: "aiven-password", anchors: &["AVNS_"], pattern: "AVNS_[A-Za-z0-9_-]{16,}", ..Rule::DEFAULT },
    // trufflehog `tailscale`: an id and a secret.
    Rule {
        name: "tailscale-key",
        anchors: &["tskey-"],
        pattern: "tskey-(?:auth|api|client|scim|webhook|reusable)-[A-Za-z0-9]{6,}(?:CNTRL)?-[A-Za-z0-9]{20,}",
        ..Rule::DEFAULT
    },
    // GitHub secret scanning `mongodb_atlas_service_account`: a service account.
    Rule {
        name: "mongodb-atlas-key",
        anchors: &["mdb_sa_sk_"],
        pattern: "mdb_sa_sk_[A-Za-z0-9_-]{36,}",
        ..Rule::DEFAULT
    },
    // GitHub secret scanning `confluent_api_key`: 60 characters.
    Rule { name: "confluent-key", anchors: &["cflt"], pattern: "cflt[A-Za-z0-9+/]{60}", ..Rule::DEFAULT },
    // <https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/>: an id and a secret.
    Rule {
        name: "kubernetes-bootstrap-token",
        anchors: &["kubeadm", "bootstrap-token"],
        pattern: near!("kubeadm|bootstrap-token", r"[a-z0-9]{6}\.[a-z0-9]{16}"),
        start: Start::Anywhere,
        ..Rule::DEFAULT
    },
    // <https://docs.docker.com/engine/swarm/swarm-mode/#view-the-join-command-or-update-a-swarm-join-token>: two parts in base 36.
    Rule {
        name: "docker-swarm-token",
        anchors: &["SWMTKN-"],
        pattern: "SWMTKN-[0-9]-[a-z0-9]{40,50}-[a-z0-9]{25}",
        ..Rule::DEFAULT
    },
    // <https://vercel.com/docs/vercel-blob/using-blob-sdk>: a store and a secret.
    Rule {
        name: "vercel-blob-token",
        anchors: &["vercel_blob_rw_"],
        pattern: "vercel_blob_rw_[A-Za-z0-9]{10,}_[A-Za-z0-9]{20,}",
        ..Rule::DEFAULT
    },
    // <https://learn.microsoft.com/en-us/entra/identity-platform/refresh-tokens>: a tenant and application, then what only the issuer reads.
    Rule {
        name: "azure-refresh-token",
        anchors: &["0.A", "1.A"],
        pattern: r"[01]\.A[A-Za-z0-9_-]{30,}\.AgAB[A-Za-z0-9_-]{60,}",
        start: Start::Token,
        ..Rule::DEFAULT
    },
    // <https://learn.microsoft.com/en-us/azure/azure-functions/function-keys-how-to>: base64 in the query.
    Rule {
        name: "azure-function-key",
        anchors: &["azurewebsites.net"],
        pattern: r"azurewebsites\.net/[!-~]{0,200}?[?&]code=(?P<secret>[A-Za-z0-9/_+%=-]{40,})",
        start: Start::Anywhere,
        ..Rule::DEFAULT
    },
    // <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html>: right behind the key that it belongs to.
    Rule {
        name: "aws-secret",
        anchors: &["AKIA", "ASIA"],
        pattern: concat!(
            r#"(?:AKIA|ASIA)[A-Z0-9]{16}["']?[ \t]{0,3}[\t,;:|/ ][ \t]{0,3}["']?"#,
            "(?P<secret>[A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+]|\\z)"
        ),
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // gitleaks `scalingo-api-token`: 48 characters.
    Rule {
        name: "scalingo-token",
        anchors: &["tk-us-"],
        pattern: whole!("tk-us-[A-Za-z0-9_-]{48}"),
        start: Start::Token,
        ..Rule::DEFAULT
    },
    // <https://developers.cloudflare.com/turnstile/get-started/>: a secret has 35 characters, a site key, which is public, 24.
    Rule {
        name: "turnstile-key",
        anchors: &["0x4AAAAAA"],
        pattern: "0x4AAAAAA[A-Za-z0-9_-]{25,}",
        start: Start::Token,
        ..Rule::DEFAULT
    },
    // gitleaks `defined-networking-api-token`: 26 and 52 characters.
    Rule {
        name: "defined-networking-token",
        anchors: &["dnkey-"],
        pattern: "dnkey-[a-zA-Z0-9=_-]{26}-[a-zA-Z0-9=_-]{52}",
        ..Rule::DEFAULT
    },
];
