//! Vendor names turned into Rust names.

/// `Cmd_GenerateKey_Args` becomes `GenerateKeyArgs`; `KeyType_RSAPublic_Data` becomes `KeyTypeRSAPublicData`.
pub(crate) fn type_name(vendor: &str) -> String {
    let bare = vendor.strip_prefix("Cmd_").unwrap_or(vendor);
    bare.split('_').map(capitalise).collect()
}

/// `Mech__Cipher` becomes `MechCipher`. One union would share its name with a structure and is told apart.
pub(crate) fn union_name(vendor: &str) -> String {
    if vendor == "Status__ErrorInfo" {
        "StatusInfo".into()
    } else {
        type_name(vendor)
    }
}

/// The variant for an arm: `KeyType_RSAPublic_Data` under the tag type `KeyType` becomes `RSAPublic`.
pub(crate) fn variant(tag_type: &str, structure: &str) -> String {
    match structure
        .strip_prefix(tag_type)
        .and_then(|rest| rest.strip_prefix('_'))
    {
        Some(rest) => capitalise(rest.split('_').next().unwrap_or(rest)),
        None => type_name(structure),
    }
}

/// A field: `keyID` becomes `key_id`, `type` becomes `type_`.
pub(crate) fn field(vendor: &str) -> String {
    let name = snake(vendor);
    if matches!(
        name.as_str(),
        "type" | "ref" | "box" | "match" | "mod" | "use" | "in"
    ) {
        format!("{name}_")
    } else {
        name
    }
}

/// A presence bit: `Cmd_Encrypt_Args_flags_given_iv_present` becomes `encrypt_args_given_iv`.
pub(crate) fn presence(flag: &str) -> String {
    let bare = flag
        .strip_prefix("Cmd_")
        .unwrap_or(flag)
        .replace("_flags_", "_")
        .replace("_perms_", "_");
    snake(bare.strip_suffix("_present").unwrap_or(&bare))
}

/// A flag bit: `Act_OpPermissions_Details_perms_UseAsKM` under that prefix becomes `USE_AS_KM`.
pub(crate) fn constant(word: &str, flag: &str) -> String {
    let bare = flag
        .strip_prefix(word)
        .map_or(flag, |rest| rest.trim_start_matches('_'));
    snake(bare).to_uppercase()
}

fn capitalise(part: &str) -> String {
    let mut letters = part.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

fn snake(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (i, &letter) in letters.iter().enumerate() {
        let after_lower =
            i > 0 && (letters[i - 1].is_lowercase() || letters[i - 1].is_ascii_digit());
        let before_lower = i > 0
            && letters[i - 1].is_uppercase()
            && letters.get(i + 1).is_some_and(|c| c.is_lowercase());
        if letter.is_uppercase() && (after_lower || before_lower) && !out.ends_with('_') {
            out.push('_');
        }
        out.extend(letter.to_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendor_names_become_rust_names() {
        assert_eq!(type_name("Cmd_GenerateKey_Args"), "GenerateKeyArgs");
        assert_eq!(type_name("nCErrno"), "NCErrno");
        assert_eq!(variant("KeyType", "KeyType_RSAPublic_Data"), "RSAPublic");
        assert_eq!(variant("EnqVer", "EnquiryDataOne"), "EnquiryDataOne");
        assert_eq!(field("keyID"), "key_id");
        assert_eq!(field("type"), "type_");
        assert_eq!(
            presence("Cmd_Encrypt_Args_flags_given_iv_present"),
            "encrypt_args_given_iv"
        );
        assert_eq!(
            constant(
                "Act_OpPermissions_Details_perms",
                "Act_OpPermissions_Details_perms_UseAsKM"
            ),
            "USE_AS_KM"
        );
    }
}
