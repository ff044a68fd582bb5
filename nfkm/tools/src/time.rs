//! Dates as the utilities print them. All are UTC, so that a report does not depend on where it is made.

/// Year, month, day, hour, minute, second and day of the week (0 is Sunday) of a number of seconds since 1970.
struct Date {
    year: u64,
    month: u64,
    day: u64,
    seconds_of_day: u64,
    weekday: usize,
}

impl Date {
    /// The civil date, by counting days from 1 March of year 0 in cycles of 400 years, whose lengths never vary.
    fn of(seconds: u64) -> Date {
        let days = seconds / 86_400;
        let shifted = days + 719_468;
        let cycle = shifted / 146_097;
        let day_of_cycle = shifted % 146_097;
        let year_of_cycle = (day_of_cycle - day_of_cycle / 1_460 + day_of_cycle / 36_524
            - day_of_cycle / 146_096)
            / 365;
        let day_of_year =
            day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 {
            month_from_march + 3
        } else {
            month_from_march - 9
        };
        let year = cycle * 400 + year_of_cycle + u64::from(month <= 2);
        Date {
            year,
            month,
            day,
            seconds_of_day: seconds % 86_400,
            weekday: ((days + 4) % 7) as usize,
        }
    }

    fn clock(&self) -> String {
        let seconds = self.seconds_of_day;
        format!(
            "{:02}:{:02}:{:02}",
            seconds / 3_600,
            seconds / 60 % 60,
            seconds % 60
        )
    }
}

/// `2024-01-12 04:41:07`
pub fn stamp(seconds: u64) -> String {
    let date = Date::of(seconds);
    format!(
        "{:04}-{:02}-{:02} {}",
        date.year,
        date.month,
        date.day,
        date.clock()
    )
}

/// `Fri Jan 12 04:30:22 2024`
pub fn long(seconds: u64) -> String {
    const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let date = Date::of(seconds);
    let month = MONTHS[(date.month - 1) as usize];
    format!(
        "{} {month} {:2} {} {:04}",
        WEEKDAYS[date.weekday],
        date.day,
        date.clock(),
        date.year
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_date_u() {
        // Expected values: `date -u -d @SECONDS`.
        for (seconds, expected, long_form) in [
            (0, "1970-01-01 00:00:00", "Thu Jan  1 00:00:00 1970"),
            (
                951_782_399,
                "2000-02-28 23:59:59",
                "Mon Feb 28 23:59:59 2000",
            ),
            (
                951_868_799,
                "2000-02-29 23:59:59",
                "Tue Feb 29 23:59:59 2000",
            ),
            (
                1_705_034_422,
                "2024-01-12 04:40:22",
                "Fri Jan 12 04:40:22 2024",
            ),
            (
                4_107_542_400,
                "2100-03-01 00:00:00",
                "Mon Mar  1 00:00:00 2100",
            ),
        ] {
            assert_eq!(stamp(seconds), expected);
            assert_eq!(long(seconds), long_form);
        }
    }
}
