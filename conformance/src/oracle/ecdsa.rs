//! ECDSA over P-521 by its definition (FIPS 186-4, section 6.4 and appendix D.1.2.5), on num-bigint.

use ncore::types::{Bignum, ECPoint};
use num_bigint::BigUint;

use super::numbers::big;

/// Whether (r, s) signs a digest under the public key `q`.
pub fn verifies(q: &ECPoint, digest: &[u8], r: &Bignum, s: &Bignum) -> bool {
    let curve = Curve::p521();
    let (q, r, s) = ((big(&q.x), big(&q.y)), big(r), big(s));
    let zero = BigUint::ZERO;
    if r == zero || s == zero || r >= curve.n || s >= curve.n || !curve.has(&q) {
        return false;
    }
    let excess = (digest.len() as u64 * 8).saturating_sub(curve.n.bits());
    let z = BigUint::from_bytes_be(digest) >> excess;
    let Some(w) = s.modinv(&curve.n) else {
        return false;
    };
    let first = curve.times(&(z * &w % &curve.n), &curve.g);
    let second = curve.times(&(&r * &w % &curve.n), &Some(q));
    match curve.add(&first, &second) {
        Some((x, _)) => x % &curve.n == r,
        None => false,
    }
}

/// A point in affine coordinates; None is the one at infinity.
type Point = Option<(BigUint, BigUint)>;

/// y² = x³ - 3x + b over the field of p elements, with a base point of order n.
struct Curve {
    p: BigUint,
    b: BigUint,
    g: Point,
    n: BigUint,
}

impl Curve {
    fn p521() -> Curve {
        let one = BigUint::from(1_u32);
        let x = number(concat!(
            "c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe759",
            "28fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66",
        ));
        let y = number(concat!(
            "11839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef42",
            "640c550b9013fad0761353c7086a272c24088be94769fd16650",
        ));
        Curve {
            p: (&one << 521) - &one,
            b: number(concat!(
                "51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e93",
                "7b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00",
            )),
            g: Some((x, y)),
            n: number(concat!(
                "1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f9",
                "66b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
            )),
        }
    }

    fn has(&self, (x, y): &(BigUint, BigUint)) -> bool {
        let left = y * y % &self.p;
        let right = (x * x * x + &self.b + self.minus(&(x * 3_u32))) % &self.p;
        *x < self.p && *y < self.p && left == right
    }

    fn add(&self, one: &Point, other: &Point) -> Point {
        let (Some((x1, y1)), Some((x2, y2))) = (one, other) else {
            return one.clone().or(other.clone());
        };
        let (top, bottom) = if x1 != x2 {
            (y2 + self.minus(y1), x2 + self.minus(x1))
        } else if y1 == y2 {
            let top = x1 * x1 * 3_u32 + self.minus(&BigUint::from(3_u32));
            (top, y1 * 2_u32)
        } else {
            return None;
        };
        let slope = top * bottom.modinv(&self.p)? % &self.p;
        let x3 = (&slope * &slope + self.minus(x1) + self.minus(x2)) % &self.p;
        let y3 = (slope * (x1 + self.minus(&x3)) + self.minus(y1)) % &self.p;
        Some((x3, y3))
    }

    fn times(&self, factor: &BigUint, point: &Point) -> Point {
        (0..factor.bits()).rev().fold(None, |sum, bit| {
            let sum = self.add(&sum, &sum);
            match factor.bit(bit) {
                true => self.add(&sum, point),
                false => sum,
            }
        })
    }

    fn minus(&self, number: &BigUint) -> BigUint {
        &self.p - number % &self.p
    }
}

fn number(hex: &str) -> BigUint {
    BigUint::parse_bytes(hex.as_bytes(), 16).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::hashes::Hash;
    use crate::oracle::numbers::bignum;

    /// The example of RFC 6979, section A.2.7, for SHA-512 and the message "sample".
    #[test]
    fn knows_the_signature_of_the_standard() {
        let q = ECPoint {
            flags: 0,
            x: bignum(&number(concat!(
                "1894550d0785932e00eaa23b694f213f8c3121f86dc97a04e5a7167db4e5bcd371123d46e45db6b5d5370a7f20fb63",
                "3155d38ffa16d2bd761dcac474b9a2f5023a4",
            ))),
            y: bignum(&number(concat!(
                "493101c962cd4d2fddf782285e64584139c2f91b47f87ff82354d6630f746a28a0db25741b5b34a828008b22acc23f",
                "924faafbd4d33f81ea66956dfeaa2bfdfcf5",
            ))),
        };
        let r = bignum(&number(concat!(
            "c328fafcbd79dd77850370c46325d987cb525569fb63c5d3bc53950e6d4c5f174e25a1ee9017b5d450606add152b5349",
            "31d7d4e8455cc91f9b15bf05ec36e377fa",
        )));
        let s = bignum(&number(concat!(
            "617cce7cf5064806c467f678d3b4080d6f1cc50af26ca209417308281b68af282623eaa63e5b5c0723d8b8c37ff0777b",
            "1a20f8ccb1dccc43997f1ee0e44da4a67a",
        )));
        let digest = Hash::Sha512.digest(b"sample");
        assert!(verifies(&q, &digest, &r, &s));
        assert!(!verifies(&q, &digest, &s, &r));
        assert!(!verifies(&q, &Hash::Sha512.digest(b"test"), &r, &s));
        let off = ECPoint {
            x: bignum(&(big(&q.x) + 1_u32)),
            ..q
        };
        assert!(!verifies(&off, &digest, &r, &s));
    }
}
