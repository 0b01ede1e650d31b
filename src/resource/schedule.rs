//! When a job of cron runs. Checked here, for cron ignores a whole file with one bad line in it, and tells only its log.

/// A field of a schedule.
pub struct Field {
    /// The parameter.
    pub name: &'static str,
    low: u32,
    high: u32,
    /// Names for the numbers from `low` on.
    names: &'static [&'static str],
}

/// The fields, in the order in which cron reads them.
pub const FIELDS: [Field; 5] = [
    Field { name: "minute", low: 0, high: 59, names: &[] },
    Field { name: "hour", low: 0, high: 23, names: &[] },
    Field { name: "day", low: 1, high: 31, names: &[] },
    Field { name: "month", low: 1, high: 12, names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"] },
    Field { name: "weekday", low: 0, high: 7, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] },
];

impl Field {
    /// Checks what stands in it: `*`, `5`, `1-5`, `mon`, `*/10`, `0-30/5`, several with commas.
    ///
    /// # Errors
    /// In words, for the user.
    pub fn check(&self, text: &str) -> Result<(), String> {
        match text.split(',').find(|part| !self.part(part)) {
            None => Ok(()),
            Some(part) => {
                let names = match self.names {
                    [first, .., last] => format!(", names from {first} to {last}"),
                    _ => String::new(),
                };
                Err(format!(
                    "`{part}` is no {} that cron knows: expected `*`, numbers from {} to {}{names}, `1-5` or `*/2`",
                    self.name, self.low, self.high
                ))
            }
        }
    }

    fn part(&self, part: &str) -> bool {
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        let step_good =
            step.is_none_or(|step| step.bytes().all(|byte| byte.is_ascii_digit()) && step.parse::<u32>().is_ok_and(|step| step > 0));
        // Cron takes `fri-mon`, and `0~30` for a minute that it draws.
        let range_good = match range.split_once(['-', '~']) {
            Some((first, last)) => self.number(first).is_some() && self.number(last).is_some(),
            None if range == "*" => true,
            // `5/10` is a single number with a step, which cron refuses.
            None => step.is_none() && self.number(range).is_some(),
        };
        step_good && range_good
    }

    fn number(&self, text: &str) -> Option<u32> {
        if let Some(at) = self.names.iter().position(|name| text.eq_ignore_ascii_case(name)) {
            return Some(self.low + u32::try_from(at).ok()?);
        }
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|number| digits && (self.low..=self.high).contains(number))
    }
}

#[cfg(test)]
mod tests {
    use super::FIELDS;

    /// Tried out with `crontab -` of Debian 12.
    #[test]
    fn schedules_are_what_cron_takes() {
        let [minute, hour, day, month, weekday] = &FIELDS;
        for (field, text) in [
            (minute, "*"),
            (minute, "*/5"),
            (minute, "0,15,30-40/2"),
            (hour, "23"),
            (day, "1-31"),
            (month, "JAN,feb-Apr"),
            (weekday, "mon-fri"),
            (weekday, "7"),
            (weekday, "5-7"),
            (weekday, "fri-mon"),
            (minute, "0~30"),
        ] {
            assert_eq!(field.check(text), Ok(()), "{text}");
        }
        for (field, text) in [
            (minute, "60"),
            (minute, ""),
            (minute, "*/0"),
            (minute, "5/10"),
            (minute, "a"),
            (minute, "1,,2"),
            (minute, "* *"),
            (hour, "24"),
            (hour, "-1"),
            (day, "0"),
            (month, "13"),
            (month, "mon"),
            (minute, "1-"),
            (weekday, "8"),
        ] {
            assert!(field.check(text).is_err(), "{text}");
        }
        assert_eq!(
            weekday.check("1,funday"),
            Err("`funday` is no weekday that cron knows: expected `*`, numbers from 0 to 7, names from sun to sat, `1-5` or `*/2`".into())
        );
    }
}
