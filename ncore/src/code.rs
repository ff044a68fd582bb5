//! Codes: a newtype over the wire word, so that a value nobody has named survives, prints and re-encodes unchanged.

/// Declares a code type with its named constants. Constants keep the vendor's spelling: they read as variants do.
macro_rules! codes {
    ($(#[$doc:meta])* $name:ident, $vendor:literal { $($constant:ident = $value:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub u32);

        #[allow(non_upper_case_globals)]
        impl $name {
            $(
                #[doc = concat!("`", $vendor, "_", stringify!($constant), "`")]
                pub const $constant: Self = Self($value);
            )*

            /// Every named code, by number.
            pub const ALL: &'static [Self] = &[$(Self($value)),*];

            /// The vendor's name without its prefix, if the code has one.
            #[allow(unreachable_patterns)]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some(stringify!($constant)),)*
                    _ => None,
                }
            }

            /// The code of a name as [`Self::name`] gives it.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($constant) => Some(Self::$constant),)*
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self.name() {
                    Some(name) => f.pad(name),
                    None => write!(f, "{}({:#x})", $vendor, self.0),
                }
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }

        impl crate::codec::Encode for $name {
            fn encode(&self, w: &mut crate::codec::Writer<'_>) -> Result<(), crate::codec::EncodeError> {
                self.0.encode(w)
            }
        }

        impl crate::codec::Decode for $name {
            const MIN_LEN: usize = 4;

            fn decode(r: &mut crate::codec::Reader<'_>) -> Result<Self, crate::codec::DecodeError> {
                u32::decode(r).map(Self)
            }
        }
    };
}

pub(crate) use codes;
