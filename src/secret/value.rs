//! A value that cannot be printed by accident.

use std::fmt;

use zeroize::Zeroize;

/// What stands wherever a secret would be shown.
pub const MASK: &str = "(secret)";

/// A secret: it has neither `Display` nor `Serialize`, `Debug` shows a mask, and its memory is wiped when it goes.
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Guards a value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself; every use of this word is a place to look at in a review.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl Secret<Vec<u8>> {
    /// The same as text; `None` when it is not UTF-8.
    pub fn into_text(mut self) -> Option<Secret<String>> {
        String::from_utf8(std::mem::take(&mut self.0)).map(Secret::new).map_err(|error| error.into_bytes().zeroize()).ok()
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_a_mask() {
        let secret = Secret::new("hunter2".to_string());
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "(secret) Some((secret))");
        assert_eq!(secret.expose(), "hunter2");
    }

    /// Wipes into a place that outlives it, so that a test can look.
    struct Spy(std::rc::Rc<std::cell::Cell<bool>>);

    impl Zeroize for Spy {
        fn zeroize(&mut self) {
            self.0.set(true);
        }
    }

    #[test]
    fn it_is_wiped_when_it_goes() {
        let wiped = std::rc::Rc::new(std::cell::Cell::new(false));
        let secret = Secret::new(Spy(wiped.clone()));
        assert!(!wiped.get());
        drop(secret);
        assert!(wiped.get());
    }
}
