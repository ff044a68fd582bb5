//! The peer: `openssl speed`.

use std::process::Command;

use anyhow::Context as _;

/// RSA-2048 signatures a second that `openssl speed` makes with so many processes, measured for `seconds` by the clock on
/// the wall, as a caller of ours is (left to itself it counts a process's own processor time).
///
/// # Errors
/// It cannot be started, or prints no line for RSA-2048.
pub fn sign_rate(processes: u32, seconds: u32) -> anyhow::Result<f64> {
    let mut command = Command::new("openssl");
    command.args(["speed", "-mr", "-elapsed", "-seconds", &seconds.to_string()]);
    if processes > 1 {
        command.args(["-multi", &processes.to_string()]);
    }
    let output = command
        .arg("rsa2048")
        .output()
        .context("cannot run openssl speed")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let rate = text.lines().find_map(parse);
    rate.with_context(|| format!("openssl speed printed no line for rsa2048:\n{text}"))
}

/// A line such as `+F2:2:2048:3863.829787:60237.254902`: row, bits, signatures a second, verifications a second.
/// Releases before 3.0 print the seconds that one takes.
fn parse(line: &str) -> Option<f64> {
    let mut fields = line.strip_prefix("+F2:")?.split(':').skip(1);
    if fields.next()? != "2048" {
        return None;
    }
    let figure: f64 = fields.next()?.parse().ok()?;
    match figure {
        rate if rate > 1.0 => Some(rate),
        seconds if seconds > 0.0 => Some(1.0 / seconds),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_for_rsa_2048_is_found_in_both_forms() {
        assert_eq!(
            parse("+F2:2:2048:3863.829787:60237.254902"),
            Some(3863.829787)
        );
        assert_eq!(parse("+F2:2:2048:0.000250:0.000020"), Some(4000.0));
        assert_eq!(parse("+F2:1:1024:0.000250:0.000020"), None);
        assert_eq!(parse("+R1:100:rsa:2.00"), None);
    }
}
