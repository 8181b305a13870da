//! `segue offers evaluate`: whether the rules here charge what a file says that a real cart charged.

use std::path::Path;

use super::super::{EvaluateArguments, Failure, print};
use crate::rule::cart_rule::Release;
use crate::rule::cart_rule::vectors::{Scenario, Verdict, read};

pub(super) fn run(arguments: &EvaluateArguments) -> Result<(), Failure> {
    let scenarios = load(&arguments.vectors)?;
    let release: Release = arguments
        .magento
        .parse()
        .map_err(|error| Failure::Usage(format!("--magento {}: {error}", arguments.magento)))?;
    let (mut agreed, mut differed, mut left_out) = (0_usize, 0_usize, 0_usize);
    for scenario in &scenarios.judged {
        match (scenario.excluded, scenario.judge(release)) {
            (Some(why), _) => {
                left_out += 1;
                print(format_args!("{}: left out: {why}", scenario.id));
            }
            (None, Verdict::Agreed) => agreed += 1,
            (None, Verdict::Differed(all)) => {
                differed += 1;
                print(format_args!("{}:", scenario.id));
                all.iter().for_each(|difference| print(format_args!("    {difference}")));
            }
            (None, Verdict::Undecided(why)) => {
                differed += 1;
                print(format_args!("{}: cannot be decided: {why}", scenario.id));
            }
        }
    }
    let left_out = left_out + scenarios.refused;
    if left_out > 0 {
        print(format_args!("{left_out} left out, of which the store itself refused {}", scenarios.refused));
    }
    print(format_args!("{agreed} agreed, {differed} differed"));
    match differed {
        0 => Ok(()),
        _ => Err(Failure::Failed("the cart charged something else".to_owned())),
    }
}

struct Vectors {
    judged: Vec<Scenario>,
    /// How many the store refused, so that there is no cart.
    refused: usize,
}

fn load(path: &Path) -> Result<Vectors, Failure> {
    let failed = |error: String| Failure::Usage(format!("{}: {error}", path.display()));
    let json = std::fs::read(path).map_err(|error| failed(format!("cannot be read: {error}")))?;
    let judged = read(&json).map_err(|error| failed(error.to_string()))?;
    let all = serde_json::from_slice::<serde_json::Value>(&json).ok();
    let count = all.and_then(|all| Some(all.get("scenarios")?.as_array()?.len())).unwrap_or(judged.len());
    Ok(Vectors { refused: count - judged.len(), judged })
}
