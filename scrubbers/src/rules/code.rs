//! Code hosting, packages, builds and the keeping of secrets.

use super::{Check, Rule, Start};

/// Where two rules find the same text, the first names it.
pub(crate) const RULES: &[Rule] = &[
    // gitleaks `github-fine-grained-pat`: 82 characters.
    Rule {
        name: "github-pat",
        anchors: &["github_pat_"],
        pattern: "github_pat_[A-Za-z0-9_]{36,}",
        start: Start::Anywhere,
        ..Rule::DEFAULT
    },
    // <https://github.blog/engineering/behind-githubs-new-authentication-token-formats/>: 36 letters and digits, the
    // last six a CRC-32.
    Rule {
        name: "github-token",
        anchors: &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        pattern: "gh[pousr]_[A-Za-z0-9]{36,}",
        start: Start::Anywhere,
        check: Check::Varied,
        ..Rule::DEFAULT
    },
    // <https://docs.gitlab.com/security/tokens/>: 20 characters and more; routable tokens continue after dots.
    Rule {
        name: "gitlab-token",
        anchors: &[
            "glpat-",
            "gldt-",
            "glrt-",
            "glrtr-",
            "glptt-",
            "glcbt-",
            "glft-",
            "glffct-",
            "glimt-",
            "glagent-",
            "gloas-",
            "glsoat-",
            "glwt-",
            "GR1348941",
        ],
        pattern: concat!(
            "(?:gl(?:pat|dt|rtr|rt|ptt|cbt|ft|ffct|imt|agent|oas|soat|wt)-",
            r"|GR1348941)[A-Za-z0-9_-]{20,}(?:\.[A-Za-z0-9_-]+)*",
        ),
        ..Rule::DEFAULT
    },
    // <https://support.atlassian.com/bitbucket-cloud/docs/app-passwords/>: app passwords and access tokens.
    Rule {
        name: "bitbucket-token",
        anchors: &["ATBB", "ATCTT3"],
        pattern: "(?:ATBB[A-Za-z0-9]{28,}|ATCTT3[A-Za-z0-9_=-]{60,})",
        ..Rule::DEFAULT
    },
    // gitleaks `atlassian-api-token`: some 190 characters and a CRC.
    Rule {
        name: "atlassian-token",
        anchors: &["ATATT3", "ATSTT3"],
        pattern: "AT[AS]TT3[A-Za-z0-9_=-]{60,}",
        ..Rule::DEFAULT
    },
    // GitHub secret scanning `trello_token`: 72 characters.
    Rule { name: "trello-token", anchors: &["ATTA"], pattern: "ATTA[a-f0-9]{64}[A-Z0-9]{8}", ..Rule::DEFAULT },
    // gitleaks `npm-access-token`: 36 letters and digits, the last six a CRC-32.
    Rule {
        name: "npm-token",
        anchors: &["npm_"],
        pattern: "npm_[A-Za-z0-9]{36,}",
        check: Check::Varied,
        ..Rule::DEFAULT
    },
    // gitleaks `pypi-upload-token`: macaroons, which all begin with the same bytes.
    Rule { name: "pypi-token", anchors: &["pypi-AgE"], pattern: "pypi-AgE[A-Za-z0-9_-]{50,}", ..Rule::DEFAULT },
    // gitleaks `rubygems-api-token`: 48 hex digits.
    Rule { name: "rubygems-key", anchors: &["rubygems_"], pattern: "rubygems_[a-f0-9]{48}", ..Rule::DEFAULT },
    // GitHub secret scanning `cratesio_api_token`: 32 letters and digits.
    Rule {
        name: "crates-token",
        anchors: &["cio"],
        pattern: whole!("cio[A-Za-z0-9]{32}"),
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // GitHub secret scanning `nuget_api_key`: 43 letters and digits.
    Rule { name: "nuget-key", anchors: &["oy2"], pattern: whole!("oy2[a-z0-9]{43}"), ..Rule::DEFAULT },
    // GitHub secret scanning `packagist_organization_read_token`: 68 hex digits.
    Rule {
        name: "packagist-token",
        anchors: &["packagist_"],
        pattern: "packagist_[a-z]{3}_[a-f0-9]{40,}",
        ..Rule::DEFAULT
    },
    // GitHub secret scanning `docker_personal_access_token`: personal and organization.
    Rule {
        name: "docker-token",
        anchors: &["dckr_pat_", "dckr_oat_"],
        pattern: "dckr_[po]at_[A-Za-z0-9_-]{27,}",
        ..Rule::DEFAULT
    },
    // gitleaks `artifactory-api-key`: API keys, and reference tokens in base64.
    Rule {
        name: "artifactory-token",
        anchors: &["AKCp", "cmVmdGtu"],
        pattern: "(?:AKCp[A-Za-z0-9]{60,}|cmVmdGtu[A-Za-z0-9]{50,})",
        ..Rule::DEFAULT
    },
    // gitleaks `hashicorp-tf-api-token`: 14 characters before `.atlasv1.`, some 67 after.
    Rule {
        name: "terraform-token",
        anchors: &[".atlasv1."],
        pattern: whole!(r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70}"),
        lead: 14,
        start: Start::Token,
        ..Rule::DEFAULT
    },
    // gitleaks `pulumi-api-token`: 40 hex digits.
    Rule { name: "pulumi-token", anchors: &["pul-"], pattern: "pul-[a-f0-9]{40}", ..Rule::DEFAULT },
    // gitleaks `vault-service-token`: service, batch and recovery tokens.
    Rule {
        name: "vault-token",
        anchors: &["hvs.", "hvb.", "hvr."],
        pattern: r"hv[sbr]\.[A-Za-z0-9_-]{24,}",
        ..Rule::DEFAULT
    },
    // gitleaks `vault-service-token`: 24 letters and digits.
    Rule {
        name: "vault-legacy-token",
        anchors: &["vault"],
        pattern: near_key!("vault", r"s\.[A-Za-z0-9]{24}"),
        start: Start::Anywhere,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // gitleaks `1password-service-account-token`: JSON in base64.
    Rule {
        name: "onepassword-token",
        anchors: &["ops_eyJ"],
        pattern: "ops_eyJ[A-Za-z0-9+/_-]{100,}={0,3}",
        ..Rule::DEFAULT
    },
    // gitleaks `1password-secret-key`: groups of letters and digits.
    Rule {
        name: "onepassword-secret-key",
        anchors: &["A3-"],
        pattern: whole!("A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}"),
        ..Rule::DEFAULT
    },
    // gitleaks `doppler-api-token`: 40 to 44 letters and digits, service tokens name their config.
    Rule {
        name: "doppler-token",
        anchors: &["dp.pt.", "dp.st.", "dp.ct.", "dp.sa.", "dp.scim.", "dp.audit.", "dp.said."],
        pattern: r"dp\.(?:pt|st|ct|sa|scim|audit|said)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}",
        ..Rule::DEFAULT
    },
    // <https://infisical.com/docs/documentation/platform/token>: an id and two keys.
    Rule {
        name: "infisical-token",
        anchors: &["st."],
        pattern: r"st\.(?:[a-f0-9]{24}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.[a-f0-9]{32}\.[a-f0-9]{32}",
        ..Rule::DEFAULT
    },
    // gitleaks `postman-api-token`: 24 and 34 hex digits.
    Rule { name: "postman-key", anchors: &["PMAK-"], pattern: "PMAK-[a-f0-9]{24}-[a-f0-9]{34}", ..Rule::DEFAULT },
    // gitleaks `sourcegraph-access-token`: users, dotcom and licences.
    Rule {
        name: "sourcegraph-token",
        anchors: &["sgp_", "sgd_", "slk_", "sgph_"],
        pattern: "(?:sgph?_(?:(?:[a-fA-F0-9]{16}|local)_)?[a-fA-F0-9]{40}|(?:sgd|slk)_[a-f0-9]{64})",
        ..Rule::DEFAULT
    },
    // GitHub secret scanning `circleci_personal_access_token`: an id and 40 hex digits.
    Rule {
        name: "circleci-token",
        anchors: &["CCIPAT_", "CCIPRJ_"],
        pattern: "CCIP(?:AT|RJ)_[A-Za-z0-9]{16,}_[a-f0-9]{40}",
        ..Rule::DEFAULT
    },
    // GitHub secret scanning `buildkite_user_access_token`: 40 hex digits.
    Rule {
        name: "buildkite-token",
        anchors: &["bkua_", "bkaj_", "bkct_"],
        pattern: "bk(?:ua|aj|ct)_[A-Za-z0-9]{40,}",
        ..Rule::DEFAULT
    },
    // gitleaks `clojars-api-token`: 60 hex digits.
    Rule { name: "clojars-token", anchors: &["CLOJARS_"], pattern: "CLOJARS_[A-Fa-f0-9]{60}", ..Rule::DEFAULT },
    // gitleaks `prefect-api-token`: users and bots.
    Rule { name: "prefect-token", anchors: &["pnu_", "pnb_"], pattern: "pn[ub]_[A-Za-z0-9]{36}", ..Rule::DEFAULT },
    // gitleaks `harness-api-key`: an account, an id and a secret.
    Rule {
        name: "harness-key",
        anchors: &["pat.", "sat."],
        pattern: r"[ps]at\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}",
        ..Rule::DEFAULT
    },
    // gitleaks `octopus-deploy-api-key`: 26 letters and digits.
    Rule {
        name: "octopus-key",
        anchors: &["API-"],
        pattern: whole!("API-[A-Z0-9]{25,32}"),
        start: Start::Token,
        ..Rule::DEFAULT
    },
    // <https://docs.sonarsource.com/sonarqube-server/user-guide/managing-tokens/>: users, projects and global
    // analysis.
    Rule { name: "sonar-token", anchors: &["squ_", "sqp_", "sqa_"], pattern: "sq[upa]_[a-f0-9]{40}", ..Rule::DEFAULT },
    // gitleaks `sonar-api-token`: 40 hex digits.
    Rule {
        name: "sonar-legacy-token",
        anchors: &["sonar"],
        pattern: near_key!("sonar", "[a-f0-9]{40}"),
        start: Start::Anywhere,
        ..Rule::DEFAULT
    },
    // gitleaks `snyk-api-token`: a UUID.
    Rule {
        name: "snyk-token",
        anchors: &["snyk"],
        pattern: near_key!("snyk", "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        start: Start::Anywhere,
        ..Rule::DEFAULT
    },
    // gitleaks `codecov-access-token`: a UUID.
    Rule {
        name: "codecov-token",
        anchors: &["codecov"],
        pattern: near_key!("codecov", "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        start: Start::Anywhere,
        ..Rule::DEFAULT
    },
    // gitleaks `travisci-access-token`: 22 characters.
    Rule {
        name: "travis-token",
        anchors: &["travis"],
        pattern: near_key!("travis", "[A-Za-z0-9_-]{22}"),
        start: Start::Anywhere,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // <https://docs.gitea.com/development/api-usage>: 40 hex digits.
    Rule {
        name: "gitea-token",
        anchors: &["gitea", "codeberg", "forgejo"],
        pattern: near_key!("gitea|codeberg|forgejo", "[a-f0-9]{40}"),
        start: Start::Anywhere,
        ..Rule::DEFAULT
    },
    // <https://www.jenkins.io/blog/2018/07/02/new-api-token-system/>: 11 and 32 hex digits.
    Rule {
        name: "jenkins-token",
        anchors: &["jenkins"],
        pattern: near_key!("jenkins", "11[a-f0-9]{32}"),
        start: Start::Anywhere,
        ..Rule::DEFAULT
    },
    // gitleaks `openshift-user-token`: 43 characters.
    Rule { name: "openshift-token", anchors: &["sha256~"], pattern: "sha256~[A-Za-z0-9_-]{43}", ..Rule::DEFAULT },
    // GitHub secret scanning `deno_pat`: personal and organization.
    Rule {
        name: "deno-token",
        anchors: &["ddp_", "ddo_", "ddw_"],
        pattern: "dd[pow]_[A-Za-z0-9]{36}",
        ..Rule::DEFAULT
    },
    // gitleaks `infracost-api-token`: 32 letters and digits.
    Rule { name: "infracost-key", anchors: &["ico-"], pattern: "ico-[A-Za-z0-9]{32}", ..Rule::DEFAULT },
    // <https://wakatime.com/developers#authentication>: a UUID.
    Rule {
        name: "wakatime-key",
        anchors: &["waka_"],
        pattern: "waka_[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        ..Rule::DEFAULT
    },
    // <https://developers.checklyhq.com/docs/authentication>: 32 hex digits.
    Rule {
        name: "checkly-key",
        anchors: &["cu_"],
        pattern: whole!("cu_[a-f0-9]{32}"),
        start: Start::Token,
        ..Rule::DEFAULT
    },
    // gitleaks `authress-service-client-access-key`: an account between other parts.
    Rule {
        name: "authress-key",
        anchors: &[".acc_", ".acc-"],
        pattern: r"(?:sc|ext|scauth|authress)_[A-Za-z0-9]{5,30}\.[A-Za-z0-9]{4,6}\.acc[_-][A-Za-z0-9-]{10,32}\.[A-Za-z0-9+/_=-]{30,120}",
        start: Start::Token,
        lead: 48,
        ..Rule::DEFAULT
    },
    // gitleaks `intra42-client-secret`: 64 hex digits.
    Rule { name: "intra42-secret", anchors: &["s-s4t2"], pattern: "s-s4t2(?:ud|af)-[a-f0-9]{64}", ..Rule::DEFAULT },
    // <https://www.unkey.com/docs/security/root-keys>: base58.
    Rule {
        name: "unkey-key",
        anchors: &["unkey_"],
        pattern: whole!("unkey_(?:root_)?[A-Za-z0-9]{20,40}"),
        start: Start::Token,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
    // trufflehog `ngrok`: two parts.
    Rule {
        name: "ngrok-token",
        anchors: &["ngrok"],
        pattern: near!("ngrok", "(?:[A-Za-z0-9]{20,30}_[A-Za-z0-9]{18,24})"),
        start: Start::Anywhere,
        check: Check::Mixed,
        ..Rule::DEFAULT
    },
];
