//! Numbers by which states know people: one table of forms, check digits and words.

use std::sync::LazyLock;

use super::text::Text;
use super::{Found, MAX_RUN};
use crate::checksums as sums;

/// So many bytes before a number may hold the word that says what it is.
const REACH: usize = 48;

/// One kind of number.
struct National {
    kind: &'static str,
    /// As [`Text::matches`] reads them.
    forms: &'static [&'static str],
    /// What the letters and digits must satisfy.
    check: fn(&[u8]) -> bool,
    /// One of these must stand before it, unless there are none.
    words: &'static [&'static str],
}

/// A form, where it is looked for.
struct Form {
    pattern: &'static str,
    /// So many characters stand before the first digit.
    lead: usize,
    of: &'static National,
}

const SSN: &[&str] =
    &["ssn", "ssns", "social security", "social-security", "social_security", "socialsecurity", "social"];
const PASSPORT: &[&str] = &["passport", "reisepass", "passeport", "pasaporte", "passaporto", "paspoort", "passaporte"];
const CPF: &[&str] = &["cpf"];
const CNPJ: &[&str] = &["cnpj"];
const TAX_ID: &[&str] = &[
    "steuer",
    "steuer-id",
    "steuerid",
    "steuernummer",
    "steueridentifikationsnummer",
    "steuer-identifikationsnummer",
    "idnr",
    "tax id",
    "tax-id",
    "tax_id",
    "taxid",
    "tin",
];
const NHS: &[&str] = &["nhs"];
const AADHAAR: &[&str] = &["aadhaar", "aadhar", "adhaar", "uidai", "uid"];
const SIN: &[&str] = &["sin", "social insurance", "nas"];
/// Every kind. Of those whose form and check agree, the first names the number.
static NATIONALS: &[National] = &[
    // Social Security Administration: no area 000 or 9xx, no group 00, no serial 0000. Areas above 772 were never issued
    // before 2011, and are since.
    National { kind: "us-ssn", forms: &["###-##-####"], check: ssn, words: &[] },
    National { kind: "us-ssn", forms: &["#########", "### ## ####", "###.##.####"], check: ssn, words: SSN },
    National {
        kind: "us-itin",
        forms: &["###-##-####", "### ## ####", "#########"],
        check: |id| id[0] == b'9' && matches!(number(&id[3..5]), 50..=65 | 70..=88 | 90..=92 | 94..=99),
        words: &["itin", "taxpayer", "tin", "tax id"],
    },
    National {
        kind: "us-ein",
        forms: &["##-#######"],
        check: |_| true,
        words: &["ein", "fein", "employer identification", "employer id", "tax id", "tax-id", "tin"],
    },
    // HMRC, National Insurance Manual NIM39110: letters that are never used, suffix A to D.
    National { kind: "uk-nino", forms: &["AA######A", "AA ## ## ## A", "AA-##-##-##-A"], check: nino, words: &[] },
    National { kind: "uk-nhs", forms: &["### ### ####", "###-###-####", "##########"], check: sums::nhs, words: NHS },
    National {
        kind: "nl-bsn",
        forms: &["#########", "####.##.###", "#### ## ###"],
        check: sums::bsn,
        words: &["bsn", "burgerservicenummer", "sofinummer", "sofi"],
    },
    National {
        kind: "de-tax-id",
        forms: &["###########", "## ### ### ###", "##/###/###/###"],
        check: sums::steuer_id,
        words: TAX_ID,
    },
    National { kind: "es-dni", forms: &["########A", "########-A"], check: sums::dni, words: &[] },
    National {
        kind: "es-nie",
        forms: &["A#######A", "A-#######-A", "A#######-A"],
        check: |id| matches!(id[0], b'X'..=b'Z') && sums::dni(id),
        words: &[],
    },
    National {
        kind: "it-codice-fiscale",
        forms: &["AAAAAA##A##A###A", "AAA AAA ##A## A###A"],
        check: |id| b"ABCDEHLMPRST".contains(&id[8]) && sums::codice_fiscale(id),
        words: &[],
    },
    National {
        kind: "fr-nir",
        forms: &["# ## ## ## ### ### ##", "# ## ## ## ### ###-##", "###############"],
        check: |id| matches!(id[0], b'1' | b'2') && matches!(number(&id[3..5]), 1..=12 | 20..=42) && sums::nir(id),
        words: &[],
    },
    National { kind: "pl-pesel", forms: &["###########"], check: sums::pesel, words: &["pesel"] },
    National { kind: "br-cpf", forms: &["###.###.###-##"], check: sums::cpf, words: &[] },
    National { kind: "br-cpf", forms: &["###########"], check: sums::cpf, words: CPF },
    National { kind: "br-cnpj", forms: &["##.###.###/####-##"], check: sums::cnpj, words: &[] },
    National { kind: "br-cnpj", forms: &["##############"], check: sums::cnpj, words: CNPJ },
    National { kind: "in-aadhaar", forms: &["#### #### ####", "####-####-####"], check: aadhaar, words: &[] },
    National { kind: "in-aadhaar", forms: &["############"], check: aadhaar, words: AADHAAR },
    // Income Tax Department: the fourth letter says whose it is.
    National {
        kind: "in-pan",
        forms: &["AAAAA####A"],
        check: |id| b"ABCFGHJLPT".contains(&id[3]),
        words: &["pan", "permanent account", "income tax"],
    },
    National {
        kind: "cn-resident-id",
        forms: &["##################", "#################X", "#################x"],
        check: |id| matches!(number(&id[6..8]), 18..=20) && month_and_day(&id[10..14]) && sums::resident_id(id),
        words: &[],
    },
    National { kind: "kr-rrn", forms: &["######-#######"], check: |id| rrn_form(id) && sums::rrn(id), words: &[] },
    // Since October 2020 the last digits are random.
    National {
        kind: "kr-rrn",
        forms: &["######-#######", "#############"],
        check: rrn_form,
        words: &["rrn", "resident registration", "주민등록번호", "주민번호"],
    },
    National {
        kind: "jp-my-number",
        forms: &["############", "#### #### ####", "####-####-####"],
        check: sums::my_number,
        words: &["my number", "mynumber", "my_number", "individual number", "マイナンバー", "個人番号"],
    },
    National {
        kind: "au-tfn",
        forms: &["### ### ###", "#########", "###-###-###"],
        check: sums::tfn,
        words: &["tfn", "tax file", "tax_file", "taxfile"],
    },
    National {
        kind: "au-medicare",
        forms: &["#### ##### #", "##########", "####-#####-#", "#### ##### #-#"],
        check: sums::medicare,
        words: &["medicare"],
    },
    National { kind: "ca-sin", forms: &["###-###-###"], check: sin, words: &[] },
    National { kind: "ca-sin", forms: &["### ### ###", "#########"], check: sin, words: SIN },
    National {
        kind: "se-personnummer",
        forms: &["######-####", "######+####", "########-####", "########+####"],
        check: |id| personnummer(id) && sums::luhn(&id[id.len() - 10..]),
        words: &[],
    },
    National {
        kind: "se-personnummer",
        forms: &["##########", "############"],
        check: |id| personnummer(id) && sums::luhn(&id[id.len() - 10..]),
        words: &["personnummer", "personal identity", "personnr", "pnr"],
    },
    National {
        kind: "fi-hetu",
        forms: &["######-###x", "######A###x", "######+###x", "######B###x", "######Y###x", "######X###x"],
        check: |id| day_and_month(&id[..4]) && sums::hetu(id),
        words: &[],
    },
    // Modulo 11 no longer holds for all since 2007.
    National {
        kind: "dk-cpr",
        forms: &["######-####", "##########"],
        check: |id| day_and_month(&id[..4]),
        words: &["cpr", "cpr-nr", "cprnr", "cpr-nummer", "personnummer"],
    },
    National {
        kind: "no-fodselsnummer",
        forms: &["###########", "###### #####"],
        check: |id| day_and_month(&[(id[0] - b'0') % 4 + b'0', id[1], id[2], id[3]]) && sums::fodselsnummer(id),
        words: &[],
    },
    National { kind: "ch-ahv", forms: &["###.####.####.##", "#############"], check: ahv, words: &[] },
    National {
        kind: "be-rijksregister",
        forms: &["##.##.##-###.##", "##.##.##-###-##"],
        check: sums::rijksregister,
        words: &[],
    },
    National {
        kind: "be-rijksregister",
        forms: &["###########"],
        check: sums::rijksregister,
        words: &["rijksregister", "rijksregisternummer", "registre national", "niss", "insz", "national register"],
    },
    // Servicio de Registro Civil, Chile: with its dots, or behind its name.
    National { kind: "cl-rut", forms: &["##.###.###-x", "#.###.###-x"], check: sums::rut, words: &[] },
    National { kind: "cl-rut", forms: &["########-x", "#######-x"], check: sums::rut, words: &["rut"] },
    National {
        kind: "pt-nif",
        forms: &["#########", "### ### ###"],
        check: sums::nif,
        words: &["nif", "contribuinte", "número fiscal"],
    },
    National {
        kind: "tr-kimlik",
        forms: &["###########"],
        check: sums::kimlik,
        words: &["kimlik", "tckn", "tc no", "tc kimlik", "tc"],
    },
    National { kind: "sg-nric", forms: &["A#######A"], check: sums::nric, words: &["nric", "identity card"] },
    // Registro Nacional de Población: 18 characters, of which birth, sex and state say enough with the check digit.
    National {
        kind: "mx-curp",
        forms: &["AAAA######AAAAAAx#"],
        check: |id| month_and_day(&id[6..10]) && matches!(id[10], b'H' | b'M' | b'X') && sums::curp(id),
        words: &[],
    },
    National {
        kind: "za-id",
        forms: &["#############", "###### #### ###"],
        check: |id| month_and_day(&id[2..6]) && matches!(id[10], b'0' | b'1') && sums::luhn(id),
        words: &["id number", "id no", "identity number", "south african", "rsa id", "sa id"],
    },
    National {
        kind: "cz-rodne-cislo",
        forms: &["######/####", "######/###"],
        check: |id| birth_number(id) && (id.len() == 9 || sums::rodne_cislo(id)),
        words: &["rodné číslo", "rodne cislo", "rodné", "rč", "rc", "rodne", "birth number"],
    },
    National {
        kind: "ro-cnp",
        forms: &["#############"],
        check: |id| month_and_day(&id[3..7]) && sums::cnp(id),
        words: &["cnp", "cod numeric personal"],
    },
    // Hong Kong Immigration Department: the check digit in parentheses.
    National { kind: "hk-id", forms: &["A######(x)", "AA######(x)"], check: sums::hkid, words: &[] },
    National {
        kind: "tw-id",
        forms: &["A#########"],
        check: |id| matches!(id[1], b'1' | b'2' | b'8' | b'9') && sums::taiwan_id(id),
        words: &["身分證", "身份證", "身分证", "national id", "taiwan id", "id number", "tw id", "統一證號"],
    },
    National {
        kind: "ie-pps",
        forms: &["#######A", "#######AA"],
        check: sums::pps,
        words: &["pps", "ppsn", "personal public service"],
    },
    National { kind: "bg-egn", forms: &["##########"], check: sums::egn, words: &["egn", "егн"] },
    National { kind: "hr-oib", forms: &["###########"], check: sums::oib, words: &["oib"] },
    National {
        kind: "at-svnr",
        forms: &["#### ######", "##########", "####-######"],
        check: |id| id[0] != b'0' && sums::svnr(id),
        words: &["svnr", "sv-nummer", "svnummer", "sv-nr", "sozialversicherungsnummer", "versicherungsnummer"],
    },
    National {
        kind: "passport",
        forms: &[
            "########A",
            "#########",
            "########",
            "A########",
            "A#######",
            "AA#######",
            "AA######",
            "AxxAx####",
            "##AA#####",
        ],
        check: |_| true,
        words: PASSPORT,
    },
];

/// The forms, by the number of digits they begin with.
static FORMS: LazyLock<Vec<Vec<Form>>> = LazyLock::new(|| {
    let mut forms: Vec<Vec<Form>> = (0..=MAX_RUN).map(|_| Vec::new()).collect();
    for of in NATIONALS {
        for pattern in of.forms {
            let lead = pattern.find('#').expect("every form holds a digit");
            let run = pattern[lead..].bytes().take_while(|&byte| byte == b'#').count();
            forms[run].push(Form { pattern, lead, of });
        }
    }
    forms
});

/// The number whose first `run` digits stand at `at`.
pub(super) fn find(text: Text<'_>, at: usize, run: usize) -> Option<Found> {
    FORMS[run].iter().find_map(|form| {
        let start = at.checked_sub(form.lead)?;
        let end = text.matches(start, form.pattern)?;
        // Decided before the check digits, for it takes less.
        if !form.of.words.is_empty() && text.is_wordless(start, REACH) {
            return None;
        }
        let row = run == 4 && text.is_row(start, end, text.byte(at + run));
        let whole = text.starts_value(start) && text.ends_value(end) && !row;
        let counts = whole
            && (form.of.check)(&text.compact(start, end))
            && (form.of.words.is_empty() || text.mentions(start, REACH, form.of.words));
        counts.then_some((form.of.kind, start..end))
    })
}

/// A few digits as a number.
fn number(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit.wrapping_sub(b'0')))
}

fn month_and_day(digits: &[u8]) -> bool {
    matches!(number(&digits[..2]), 1..=12) && matches!(number(&digits[2..]), 1..=31)
}

fn day_and_month(digits: &[u8]) -> bool {
    month_and_day(&[digits[2], digits[3], digits[0], digits[1]])
}

fn ssn(id: &[u8]) -> bool {
    !matches!(number(&id[..3]), 0 | 900..) && number(&id[3..5]) != 0 && number(&id[5..]) != 0
}

/// Year, month and day: women have 50 added to the month, and from 2004 on both may have 20 more.
fn birth_number(id: &[u8]) -> bool {
    matches!(number(&id[2..4]), 1..=12 | 21..=32 | 51..=62 | 71..=82) && matches!(number(&id[4..6]), 1..=31)
}

fn nino(id: &[u8]) -> bool {
    let prefix = &id[..2];
    !b"DFIQUV".contains(&id[0])
        && !b"DFIOQUV".contains(&id[1])
        && ![b"BG", b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ"].iter().any(|&never| never == prefix)
        && matches!(id[8], b'A'..=b'D')
}

/// Unique Identification Authority of India: never begins with 0 or 1.
fn aadhaar(id: &[u8]) -> bool {
    id[0] >= b'2' && sums::verhoeff(id)
}

/// Employment and Social Development Canada: never begins with 0 or 8.
fn sin(id: &[u8]) -> bool {
    !matches!(id[0], b'0' | b'8') && sums::luhn(id)
}

/// Year, month and day, then sex and century.
fn rrn_form(id: &[u8]) -> bool {
    month_and_day(&id[2..6]) && matches!(id[6], b'1'..=b'8')
}

fn personnummer(id: &[u8]) -> bool {
    // A coordination number has 60 added to the day.
    let birth = &id[id.len() - 10..][2..6];
    matches!(number(&birth[..2]), 1..=12)
        && matches!(number(&birth[2..]), 1..=31 | 61..=91)
        && (id.len() == 10 || matches!(number(&id[..2]), 18..=20))
}

fn ahv(id: &[u8]) -> bool {
    id.starts_with(b"756") && sums::ean13(id)
}
