//! Check digits of numbers that people and accounts are known by. All take ASCII, without separators.

/// The value of an ASCII digit.
fn value(digit: u8) -> u32 {
    u32::from(digit.wrapping_sub(b'0'))
}

/// The sum of digits, each times its weight; what has no weight does not count.
fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(&digit, weight)| value(digit) * weight).sum()
}

/// The digits as one number, modulo `modulus`.
fn remainder(digits: &[u8], modulus: u32) -> u32 {
    digits.iter().fold(0, |rest, &digit| (rest * 10 + value(digit)) % modulus)
}

/// Luhn's formula (ISO/IEC 7812-1, annex B): payment cards, Swedish and Canadian numbers.
pub(crate) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, &digit)| match (place % 2, value(digit)) {
            (0, value) => value,
            (_, value) => value * 2 / 10 + value * 2 % 10,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// ISO/IEC 7064 MOD 97-10 as ISO 13616-1 uses it: the first four characters count last, letters as 10 to 35.
pub(crate) fn iban(characters: &[u8]) -> bool {
    let (head, body) = characters.split_at(4.min(characters.len()));
    let rest = body.iter().chain(head).fold(0, |rest, &character| match character {
        b'0'..=b'9' => (rest * 10 + value(character)) % 97,
        _ => (rest * 100 + u32::from(character.to_ascii_uppercase().wrapping_sub(b'A')) + 10) % 97,
    });
    rest == 1
}

/// Verhoeff's scheme over the dihedral group of order 10 (J. Verhoeff, Error Detecting Decimal Codes, 1969): Aadhaar.
pub(crate) fn verhoeff(digits: &[u8]) -> bool {
    const PERMUTATION: [[u8; 10]; 8] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
        [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
        [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
        [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
        [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
        [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
        [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
    ];
    let product = |a: u8, b: u8| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b - 5) % 5,
        (false, true) => 5 + (a - b) % 5,
        (false, false) => (a + 5 - b) % 5,
    };
    let digits = digits.iter().rev().enumerate();
    digits.fold(0, |rest, (place, &digit)| product(rest, PERMUTATION[place % 8][usize::from(digit - b'0')])) == 0
}

/// EAN-13 (GS1 General Specifications, 7.9): the Swiss AHV number, which begins with 756.
pub(crate) fn ean13(digits: &[u8]) -> bool {
    weighted(digits, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]).is_multiple_of(10)
}

/// NHS Data Dictionary, "NHS NUMBER": weights 10 to 2, modulo 11; 10 is never issued.
pub(crate) fn nhs(digits: &[u8]) -> bool {
    weighted(digits, &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

/// The Dutch "elfproef" for the BSN (Logisch ontwerp BSN, 2.1): the last digit weighs -1.
pub(crate) fn bsn(digits: &[u8]) -> bool {
    weighted(digits, &[9, 8, 7, 6, 5, 4, 3, 2, 10]).is_multiple_of(11)
}

/// German tax number (`IdNr`): ISO/IEC 7064 MOD 11,10, and a digit that occurs twice or thrice (§ 139b AO).
pub(crate) fn steuer_id(digits: &[u8]) -> bool {
    let Some((check, body)) = digits.split_last() else { return false };
    let product = body.iter().fold(10, |product, &digit| {
        let sum = (value(digit) + product) % 10;
        if sum == 0 { 9 } else { sum * 2 % 11 }
    });
    let mut counts = [0; 10];
    for &digit in body {
        counts[value(digit) as usize % 10] += 1;
    }
    let most = counts.into_iter().max();
    (11 - product) % 10 == value(*check) && matches!(most, Some(2 | 3))
}

/// Spain's DNI and NIE: the number modulo 23 names the letter; X, Y, Z count as 0, 1, 2 (Real Decreto 1553/2005).
pub(crate) fn dni(characters: &[u8]) -> bool {
    let Some((letter, number)) = characters.split_last() else { return false };
    let number: Vec<u8> =
        number.iter().map(|&c| if c.is_ascii_uppercase() { b'0' + c.wrapping_sub(b'X') } else { c }).collect();
    b"TRWAGMYFPDXBNJZSQVHLCKE"[remainder(&number, 23) as usize] == *letter
}

/// Italy's codice fiscale (Decreto Ministeriale 23/12/1976): places count by tables, modulo 26 names the letter.
pub(crate) fn codice_fiscale(characters: &[u8]) -> bool {
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let Some((letter, body)) = characters.split_last() else { return false };
    let index =
        |c: u8| usize::from(if c.is_ascii_digit() { c - b'0' } else { c.to_ascii_uppercase().wrapping_sub(b'A') });
    let sum: u32 = body
        .iter()
        .enumerate()
        .map(|(place, &c)| if place % 2 == 0 { ODD[index(c) % 26] } else { u32::try_from(index(c)).unwrap_or(0) })
        .sum();
    sum % 26 == u32::from(letter.to_ascii_uppercase().wrapping_sub(b'A'))
}

/// France's NIR: its last two digits are 97 minus the rest modulo 97 (INSEE, "numéro d'inscription au répertoire").
pub(crate) fn nir(digits: &[u8]) -> bool {
    let (body, key) = digits.split_at(digits.len().saturating_sub(2));
    97 - remainder(body, 97) == remainder(key, 100)
}

/// Poland's PESEL (Ministerstwo Cyfryzacji): weights 1, 3, 7, 9, modulo 10.
pub(crate) fn pesel(digits: &[u8]) -> bool {
    weighted(digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]).is_multiple_of(10)
}

/// Brazil's CPF (Receita Federal): two check digits, modulo 11.
pub(crate) fn cpf(digits: &[u8]) -> bool {
    let check = |upto: usize, weights: &[u32]| weighted(&digits[..upto], weights) * 10 % 11 % 10 == value(digits[upto]);
    digits.len() == 11
        && digits.iter().any(|digit| *digit != digits[0])
        && check(9, &[10, 9, 8, 7, 6, 5, 4, 3, 2])
        && check(10, &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2])
}

/// Brazil's CNPJ (Receita Federal): two check digits, modulo 11.
pub(crate) fn cnpj(digits: &[u8]) -> bool {
    let check = |upto: usize, weights: &[u32]| weighted(&digits[..upto], weights) * 10 % 11 % 10 == value(digits[upto]);
    digits.len() == 14
        && digits.iter().any(|digit| *digit != digits[0])
        && check(12, &[5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2])
        && check(13, &[6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2])
}

/// China's resident identity number (GB 11643-1999): ISO/IEC 7064 MOD 11-2, `X` for 10.
pub(crate) fn resident_id(characters: &[u8]) -> bool {
    let Some((check, body)) = characters.split_last() else { return false };
    let sum = weighted(body, &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
    b"10X98765432"[sum as usize % 11] == check.to_ascii_uppercase()
}

/// South Korea's resident registration number (주민등록법 시행규칙): modulo 11, for those issued before October 2020.
pub(crate) fn rrn(digits: &[u8]) -> bool {
    let sum = weighted(digits, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]);
    digits.last().is_some_and(|&check| (11 - sum % 11) % 10 == value(check))
}

/// Japan's Individual Number (Ministry of Internal Affairs, ordinance 85 of 2014, article 5): modulo 11.
pub(crate) fn my_number(digits: &[u8]) -> bool {
    let rest = weighted(digits, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    digits.last().is_some_and(|&check| value(check) == if rest <= 1 { 0 } else { 11 - rest })
}

/// Australia's tax file number (Australian Taxation Office): modulo 11.
pub(crate) fn tfn(digits: &[u8]) -> bool {
    weighted(digits, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11)
}

/// Australia's Medicare card (Services Australia): the ninth digit checks eight; the first is 2 to 6.
pub(crate) fn medicare(digits: &[u8]) -> bool {
    matches!(digits.first(), Some(b'2'..=b'6'))
        && weighted(digits, &[1, 3, 7, 9, 1, 3, 7, 9]) % 10 == value(digits.get(8).copied().unwrap_or_default())
}

/// Finland's henkilötunnus (Digi- ja väestötietovirasto): date and number modulo 31 name the last character.
pub(crate) fn hetu(characters: &[u8]) -> bool {
    let digits: Vec<u8> = characters[..characters.len() - 1].iter().copied().filter(u8::is_ascii_digit).collect();
    b"0123456789ABCDEFHJKLMNPRSTUVWXY"[remainder(&digits, 31) as usize] == characters[characters.len() - 1]
}

/// Norway's fødselsnummer (Skatteetaten): two check digits, modulo 11.
pub(crate) fn fodselsnummer(digits: &[u8]) -> bool {
    weighted(digits, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]).is_multiple_of(11)
        && weighted(digits, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

/// Belgium's rijksregisternummer (Koninklijk besluit 3 April 1984): 97 minus the rest; from 2000 on a 2 stands before it.
pub(crate) fn rijksregister(digits: &[u8]) -> bool {
    let (body, check) = digits.split_at(digits.len().saturating_sub(2));
    let check = remainder(check, 100);
    let since_2000 = (2 * (1_000_000_000 % 97) + remainder(body, 97)) % 97;
    97 - remainder(body, 97) == check || 97 - since_2000 == check
}

/// Chile's RUN and RUT: weights 2 to 7 from the right, modulo 11; `K` is ten.
pub(crate) fn rut(characters: &[u8]) -> bool {
    let Some((&last, digits)) = characters.split_last() else { return false };
    let sum: u32 = digits.iter().rev().zip([2, 3, 4, 5, 6, 7].iter().cycle()).map(|(&digit, w)| value(digit) * w).sum();
    match (11 - sum % 11) % 11 {
        10 => last.eq_ignore_ascii_case(&b'K'),
        check => last == b'0' + u8::try_from(check).unwrap_or(u8::MAX),
    }
}

/// Portugal's NIF: weights 9 to 2, modulo 11; what would be ten is 0.
pub(crate) fn nif(digits: &[u8]) -> bool {
    let check = 11 - weighted(&digits[..8], &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    matches!(digits[0], b'1'..=b'3' | b'5'..=b'9') && value(digits[8]) == if check > 9 { 0 } else { check }
}

/// Turkey's T.C. Kimlik No: two check digits.
pub(crate) fn kimlik(digits: &[u8]) -> bool {
    let odd = weighted(digits, &[1, 0, 1, 0, 1, 0, 1, 0, 1]);
    let even = weighted(digits, &[0, 1, 0, 1, 0, 1, 0, 1]);
    let all = weighted(&digits[..10], &[1; 10]);
    digits[0] != b'0' && (7 * odd + 10 * even - even) % 10 == value(digits[9]) && all % 10 == value(digits[10])
}

/// Singapore's NRIC and FIN: weights 2, 7, 6, 5, 4, 3, 2, and an offset and letters by the century and status.
pub(crate) fn nric(characters: &[u8]) -> bool {
    let (offset, letters) = match characters[0] {
        b'S' => (0, b"JZIHGFEDCBA"),
        b'T' => (4, b"JZIHGFEDCBA"),
        b'F' => (0, b"XWUTRQPNMLK"),
        b'G' => (4, b"XWUTRQPNMLK"),
        b'M' => (3, b"XWUTRQPNJLK"),
        _ => return false,
    };
    let sum = weighted(&characters[1..8], &[2, 7, 6, 5, 4, 3, 2]) + offset;
    letters.get(sum as usize % 11) == Some(&characters[8])
}

/// Mexico's CURP: weights 18 to 2, modulo 10, over an alphabet with `Ñ` after `N`.
pub(crate) fn curp(characters: &[u8]) -> bool {
    let of = |character: u8| match character {
        b'0'..=b'9' => value(character),
        b'A'..=b'N' => u32::from(character - b'A') + 10,
        _ => u32::from(character.wrapping_sub(b'A')) + 11,
    };
    let Some((&last, head)) = characters.split_last() else { return false };
    let sum: u32 = head.iter().zip((2..=18).rev()).map(|(&character, weight)| of(character) * weight).sum();
    (10 - sum % 10) % 10 == value(last)
}

/// Czech and Slovak birth numbers of ten digits: a multiple of 11; before 1986 ten counted as 0.
pub(crate) fn rodne_cislo(digits: &[u8]) -> bool {
    remainder(&digits[..9], 11) % 10 == value(digits[9])
}

/// Romania's CNP: weights 2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9, modulo 11; ten is 1.
pub(crate) fn cnp(digits: &[u8]) -> bool {
    let check = weighted(&digits[..12], &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
    matches!(digits[0], b'1'..=b'9') && value(digits[12]) == if check == 10 { 1 } else { check }
}

/// Hong Kong's identity card: a space counts as 36 where there is but one letter; weights 9 to 1, modulo 11.
pub(crate) fn hkid(characters: &[u8]) -> bool {
    let of = |character: u8| match character {
        b'0'..=b'9' => value(character),
        _ => u32::from(character.wrapping_sub(b'A')) + 10,
    };
    let lead = if characters.len() == 8 { 36 * 9 } else { 0 };
    let weights = (1..=9).rev().skip(9 - characters.len().min(9));
    let sum: u32 = characters.iter().zip(weights).map(|(&character, weight)| of(character) * weight).sum();
    (lead + sum).is_multiple_of(11)
}

/// Taiwan's identity card: the letter stands for two digits; weights 1, 9, 8 to 1 and 1, modulo 10.
pub(crate) fn taiwan_id(characters: &[u8]) -> bool {
    const LETTERS: &[u8; 26] = b"ABCDEFGHJKLMNPQRSTUVXYWZIO";
    let Some(place) = LETTERS.iter().position(|&letter| letter == characters[0]) else { return false };
    let code = u32::try_from(place).unwrap_or(0) + 10;
    (code / 10 + code % 10 * 9 + weighted(&characters[1..], &[8, 7, 6, 5, 4, 3, 2, 1, 1])).is_multiple_of(10)
}

/// Ireland's PPS number: weights 8 to 2, a second letter times 9, modulo 23; `W` is 0.
pub(crate) fn pps(characters: &[u8]) -> bool {
    let letter = |at: usize| characters.get(at).map_or(0, |&letter| u32::from(letter.wrapping_sub(b'A')) + 1);
    let second = if letter(8) == 23 { 0 } else { letter(8) };
    let sum = weighted(&characters[..7], &[8, 7, 6, 5, 4, 3, 2]) + second * 9;
    sum % 23 == letter(7) % 23 && letter(7) <= 23
}

/// Bulgaria's EGN: weights are powers of 2, modulo 11; ten is 0.
pub(crate) fn egn(digits: &[u8]) -> bool {
    weighted(&digits[..9], &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10 == value(digits[9])
}

/// ISO/IEC 7064 MOD 11,10: Croatia's OIB.
pub(crate) fn oib(digits: &[u8]) -> bool {
    let product = digits[..10].iter().fold(10, |product, &digit| match (product + value(digit)) % 10 {
        0 => 20 % 11,
        sum => sum * 2 % 11,
    });
    (11 - product) % 10 == value(digits[10])
}

/// Austria's social insurance number: the fourth digit checks the others, modulo 11.
pub(crate) fn svnr(digits: &[u8]) -> bool {
    weighted(digits, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11 == value(digits[3])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_examples_pass_and_one_wrong_digit_fails() {
        type Check = fn(&[u8]) -> bool;
        let examples: &[(Check, &str)] = &[
            (luhn, "4111111111111111"),
            (iban, "GB82WEST12345698765432"),
            (verhoeff, "2363"),
            (ean13, "7569217076985"),
            (nhs, "9434765919"),
            (bsn, "111222333"),
            (steuer_id, "86095742719"),
            (dni, "12345678Z"),
            (dni, "X1234567L"),
            (codice_fiscale, "RSSMRA85T10A562S"),
            (nir, "269054958815780"),
            (pesel, "44051401359"),
            (cpf, "11144477735"),
            (cnpj, "11222333000181"),
            (resident_id, "11010519491231002X"),
            (my_number, "123456789018"),
            (tfn, "123456782"),
            (medicare, "2123456701"),
            (hetu, "131052-308T"),
            (fodselsnummer, "13078507955"),
            (rijksregister, "85073003328"),
        ];
        for (check, example) in examples {
            assert!(check(example.as_bytes()), "{example}");
            let mut wrong = example.as_bytes().to_vec();
            let place = wrong.iter().rposition(u8::is_ascii_digit).expect("a digit");
            let place = if *example == "2123456701" { 8 } else { place };
            wrong[place] = if wrong[place] == b'9' { b'8' } else { wrong[place] + 1 };
            assert!(!check(&wrong), "{example} with another digit");
        }
    }
}
