//! What can go wrong, in words for people.

use std::time::Duration;

use crate::demo::platform::{Fault, Service};

/// Something to choose.
pub struct Choice {
    /// What the form sends.
    pub word: &'static str,
    /// What people read after the service's name.
    pub text: &'static str,
    /// What it does.
    pub fault: Option<Fault>,
}

const fn choice(word: &'static str, text: &'static str, fault: Fault) -> Choice {
    Choice { word, text, fault: Some(fault) }
}

const MOMENT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(5);

/// What can go wrong with every service.
const ALL: [Choice; 11] = [
    Choice { word: "well", text: "answers as it should", fault: None },
    choice("moment", "answers after 0.3 s", Fault::Slow(MOMENT, MOMENT)),
    choice("late", "answers after 5 s", Fault::Slow(LONG, LONG)),
    choice("uneven", "answers after 0 to 2 s, each time another", Fault::Slow(Duration::ZERO, Duration::from_secs(2))),
    choice("hangs", "hangs: it never answers", Fault::Hang),
    choice("cut", "resets the connection", Fault::Cut),
    choice("torn", "resets the connection in the middle of its answer", Fault::Torn),
    choice("busy", "says: too many requests, come back in 5 s (429)", Fault::Refuse(429, Some(5))),
    choice("down", "says: not available, come back in 5 s (503)", Fault::Refuse(503, Some(5))),
    choice("garbage", "answers garbage", Fault::Garbage),
    choice("shape", "answers JSON that nobody expects", Fault::WrongShape),
];

const TOKENS: [Choice; 1] = [choice("secret", "does not know the client secret (400)", Fault::Refuse(400, None))];

const LISTS: [Choice; 2] = [
    choice("token", "does not take the token (401)", Fault::Refuse(401, None)),
    choice("permission", "says: a permission is missing (403)", Fault::Refuse(403, None)),
];

const EDGE: [Choice; 5] = [
    choice("token", "does not take the token (401)", Fault::Refuse(401, None)),
    choice("broken", "fails (500)", Fault::Refuse(500, None)),
    choice("partial", "answers in part, with memberships (207)", Fault::Partial(true)),
    choice("blind", "answers in part, without memberships (207)", Fault::Partial(false)),
    choice("consent", "says: ignored for lack of consent", Fault::NoConsent),
];

/// What can go wrong with a service.
pub fn choices(service: Service) -> impl Iterator<Item = &'static Choice> {
    let own: &[Choice] = match service {
        Service::Ims => &TOKENS,
        Service::Audiences | Service::Flows => &LISTS,
        Service::Edge => &EDGE,
    };
    ALL.iter().chain(own)
}

/// What a service is called in forms and for people.
pub fn name(service: Service) -> (&'static str, &'static str) {
    match service {
        Service::Edge => ("edge", "Edge Network"),
        Service::Ims => ("ims", "Tokens (IMS)"),
        Service::Audiences => ("audiences", "Audiences"),
        Service::Flows => ("flows", "Destinations"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_of_a_service_is_another() {
        for service in Service::ALL {
            for (at, one) in choices(service).enumerate() {
                let same =
                    |other: &&Choice| other.word == one.word || other.text == one.text || other.fault == one.fault;
                assert_eq!(choices(service).skip(at + 1).filter(same).count(), 0, "{}", one.word);
            }
        }
    }
}
