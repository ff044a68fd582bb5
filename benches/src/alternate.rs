//! Two sides that are measured in turns: a machine that gets faster or slower meanwhile does so for both.

/// Measures both sides `slices` times: the first side first, then last, then first again.
///
/// # Errors
/// Either side's first.
pub fn alternate<A, B>(
    slices: u32,
    mut first: impl FnMut() -> anyhow::Result<A>,
    mut second: impl FnMut() -> anyhow::Result<B>,
) -> anyhow::Result<(Vec<A>, Vec<B>)> {
    let (mut firsts, mut seconds) = (Vec::new(), Vec::new());
    for slice in 0..slices {
        if slice.is_multiple_of(2) {
            firsts.push(first()?);
            seconds.push(second()?);
        } else {
            seconds.push(second()?);
            firsts.push(first()?);
        }
    }
    Ok((firsts, seconds))
}

/// The mean of what the slices gave; not a number if there are none.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
