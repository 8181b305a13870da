//! The command line: what may be asked for, and who answers it.

mod admin;
mod audiences;
mod check;
mod commerce;
mod cookie;
mod demo;
mod explain;
mod joined;
mod mode;
mod offers;
mod page;
mod rules;
mod serve;
mod status;
mod store;

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{self, Config, Platform, RulesError};
use crate::document::Mistake;
use crate::mode::Mode;

/// What the command line may hold.
#[derive(Debug, Parser)]
#[command(
    name = "segue",
    version,
    about = "Makes Adobe Real-Time CDP audiences take effect in Magento Luma storefronts",
    after_help = "Exit codes: 0 done, 1 failed, 64 wrong usage, configuration or rules.\n\
                  Try it: segue demo"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the proxy
    Serve(ConfigFile),
    /// Start a demo shop behind Segue on this machine; needs no file and no network
    Demo {
        /// Where the shop listens on 127.0.0.1; operations, the shop without Segue, Experience Platform and the admin UI take the four ports after it (0: any free)
        #[arg(long, default_value_t = 8080)]
        port: u16,
        /// What is printed once it runs
        #[arg(long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// Validate configuration and rules, and report every mistake at once
    Check {
        #[command(flatten)]
        config: ConfigFile,
        /// Also ask the origin, and name what would bite
        #[arg(long)]
        online: bool,
    },
    /// List Experience Platform's audiences
    #[command(subcommand)]
    Audiences(AudiencesCommand),
    /// Show what becomes of offers, and try a paused one again
    #[command(subcommand)]
    Offers(OffersCommand),
    /// Test what Commerce gives, and read its catalogue
    #[command(subcommand)]
    Commerce(CommerceCommand),
    /// Test every credential and permission at Adobe's, and say what is missing on which of Adobe's screens
    Status {
        #[command(flatten)]
        config: ConfigFile,
        /// Also show who asks, and where
        #[arg(short, long)]
        verbose: bool,
        /// How it is printed
        #[arg(long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// Fetch a page from the origin and say what would change on it for some audiences, and why
    Explain(ExplainArguments),
    /// Make and read Segue's cookies and simulation tokens
    #[command(subcommand)]
    Cookie(CookieCommand),
    /// Make keys for Segue's cookies
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Print the JSON Schema of rules files
    Schema,
    /// Move rules between a file and the admin UI
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Say who may sign in to the admin UI
    #[command(subcommand)]
    Admin(AdminCommand),
    /// Copy what is kept between runs
    #[command(subcommand)]
    Store(StoreCommand),
    /// Switch a running Segue off, to watching only, or on; needs no restart
    Mode {
        #[command(flatten)]
        config: ConfigFile,
        /// How far Segue goes
        #[arg(value_parser = ["off", "observe", "on"])]
        mode: String,
        /// Only this store view; otherwise all of them, whatever the configuration says of single ones
        #[arg(long, value_name = "CODE")]
        store: Option<String>,
    },
}

#[derive(Debug, Args)]
struct ConfigFile {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "segue.toml", env = "SEGUE_CONFIG")]
    config: PathBuf,
}

#[derive(Debug, Args)]
struct ExplainArguments {
    #[command(flatten)]
    config: ConfigFile,
    /// Audiences the shopper is in: ids or names, separated by commas; none by default
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    audience: Vec<String>,
    /// The store view; found from the address by default
    #[arg(long, value_name = "CODE")]
    store: Option<String>,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// The page, as shoppers see its address, or its path alone
    url: String,
}

#[derive(Debug, Subcommand)]
enum AudiencesCommand {
    /// Ask Experience Platform now, and say what changed
    Sync {
        #[command(flatten)]
        config: ConfigFile,
        /// How it is printed
        #[arg(long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// Show what is known, without asking
    List {
        #[command(flatten)]
        config: ConfigFile,
        /// How it is printed
        #[arg(long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
}

#[derive(Debug, Subcommand)]
enum OffersCommand {
    /// Show how each offer is shown, why, and what carts were charged
    List {
        #[command(flatten)]
        config: ConfigFile,
        /// How it is printed
        #[arg(long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// Put products of each offer into guests' carts of the shop, and compare what is charged with what is promised; orders nothing
    Verify(VerifyArguments),
    /// Apply cart price rules to the carts of a file, and compare with what a real cart charged
    Evaluate(EvaluateArguments),
    /// Try an offer again that was paused because carts did not charge what it promises; needs no restart
    Reset {
        #[command(flatten)]
        config: ConfigFile,
        /// The offer's id
        offer: String,
    },
}

#[derive(Debug, Args)]
struct EvaluateArguments {
    /// A file of carts with their rules and what a real cart charged
    #[arg(value_name = "VECTORS.json")]
    vectors: PathBuf,
    /// Whose cart it was
    #[arg(long, value_name = "RELEASE", default_value = "2.4.6")]
    magento: String,
}

#[derive(Debug, Subcommand)]
enum CommerceCommand {
    /// Test every permission that the integration needs, and list what Segue does not understand of the shop's rules
    Status {
        #[command(flatten)]
        config: ConfigFile,
        /// How it is printed
        #[arg(long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// Read the catalogue now: what changed, or all of it where that was never done
    Sync {
        #[command(flatten)]
        config: ConfigFile,
        /// Read all of it anew
        #[arg(long)]
        full: bool,
    },
}

#[derive(Debug, Args)]
struct VerifyArguments {
    #[command(flatten)]
    config: ConfigFile,
    /// Only this offer
    #[arg(long, value_name = "ID")]
    offer: Option<String>,
    /// How many products of each offer
    #[arg(long, value_name = "N", default_value_t = 3)]
    sample: usize,
    /// The store view whose carts are made; the default one otherwise
    #[arg(long, value_name = "CODE")]
    store: Option<String>,
    /// Where products are looked for while the catalogue is not known
    #[arg(long, value_name = "PATH", default_value = "/")]
    page: String,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum CookieCommand {
    /// Seal a membership into a cookie, or, with --simulate, a link that lets one browser see another audience's pages
    Mint {
        #[command(flatten)]
        config: ConfigFile,
        /// Ids or names of the audiences, separated by commas
        #[arg(long, value_name = "A,B", value_delimiter = ',')]
        audience: Vec<String>,
        /// The website the membership is for; that of the default store view otherwise
        #[arg(long, value_name = "CODE")]
        website: Option<String>,
        /// Make a token for /.segue/simulate instead of a cookie
        #[arg(long)]
        simulate: bool,
        /// For how long the token can be opened, such as 30m
        #[arg(long, value_name = "TIME", default_value = "1h", requires = "simulate")]
        expires: String,
        /// Where the simulation begins, a path of the shop
        #[arg(long, value_name = "PATH", default_value = "/", requires = "simulate")]
        to: String,
    },
    /// Open a sealed cookie and print what is in it
    Read {
        #[command(flatten)]
        config: ConfigFile,
        /// The cookie's value
        value: String,
    },
}

#[derive(Debug, Subcommand)]
enum RulesCommand {
    /// Print what is published as a rules file
    Export {
        #[command(flatten)]
        config: ConfigFile,
        /// What is worked on instead
        #[arg(long)]
        drafts: bool,
    },
    /// Make a rules file what is worked on, instead of all that is
    Import {
        #[command(flatten)]
        config: ConfigFile,
        /// Also publish it
        #[arg(long)]
        publish: bool,
        /// The rules file
        file: PathBuf,
    },
    /// Say how what is worked on differs from what is published, or from a rules file
    Diff {
        #[command(flatten)]
        config: ConfigFile,
        /// The rules file
        file: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
enum AdminCommand {
    /// Who may sign in
    #[command(subcommand)]
    User(UserCommand),
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Add somebody; the password is read from standard input
    Add {
        #[command(flatten)]
        config: ConfigFile,
        /// What he signs in as
        name: String,
        /// What he may do: look, work on drafts, publish, or look after people
        #[arg(long, default_value = "admin", value_parser = ["viewer", "editor", "publisher", "admin"])]
        role: String,
    },
}

#[derive(Debug, Subcommand)]
enum StoreCommand {
    /// Write a copy of the store's file, whole, while it is in use; a database has means of its own (pg_dump)
    Backup {
        #[command(flatten)]
        config: ConfigFile,
        /// Where to; there must be no such file yet
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Print a new key
    New,
}

/// How answers are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub enum Failure {
    /// Configuration, rules or arguments are wrong: exit code 64. Every mistake is listed.
    Mistakes(Vec<Mistake>),
    /// An argument is wrong: exit code 64.
    Usage(String),
    /// It was right but did not work: exit code 1.
    Failed(String),
}

impl Failure {
    /// The process's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Mistakes(_) | Self::Usage(_) => 64,
            Self::Failed(_) => 1,
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Usage(message) | Self::Failed(message) => f.write_str(message),
            Self::Mistakes(mistakes) => {
                for mistake in mistakes {
                    writeln!(f, "{mistake}")?;
                }
                let count = mistakes.len();
                write!(f, "{count} {} to mend; nothing was changed", if count == 1 { "mistake" } else { "mistakes" })
            }
        }
    }
}

impl From<Vec<Mistake>> for Failure {
    fn from(mistakes: Vec<Mistake>) -> Self {
        Self::Mistakes(mistakes)
    }
}

impl From<RulesError> for Failure {
    fn from(error: RulesError) -> Self {
        match error {
            RulesError::Mistakes(mistakes) => Self::Mistakes(mistakes),
            RulesError::Store(error) => Self::Failed(error.to_string()),
        }
    }
}

impl ConfigFile {
    fn load(&self) -> Result<Config, Failure> {
        Ok(config::load(&self.config, std::env::vars())?)
    }
}

/// Prints a line, or several. A closed standard output, such as that of `head`, leaves nobody to tell.
fn print(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// What a configuration says of Experience Platform.
fn platform<'c>(config: &'c Config, file: &ConfigFile) -> Result<&'c Platform, Failure> {
    let missing = || {
        let file = file.config.display();
        Failure::Usage(format!(
            "{file} has no [experience_platform], so there is nothing to ask; deploy/segue.toml shows one"
        ))
    };
    config.platform.as_ref().ok_or_else(missing)
}

/// Carries out a command; answers go to standard output, logs to standard error.
pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.command {
        Command::Serve(config) => serve::run(&config).await,
        Command::Demo { port, output } => demo::run(port, output).await,
        Command::Check { config, online } => check::run(&config, online).await,
        Command::Audiences(command) => audiences::run(command).await,
        Command::Offers(command) => offers::run(command).await,
        Command::Commerce(command) => commerce::run(command).await,
        Command::Status { config, verbose, output } => status::run(&config, verbose, output).await,
        Command::Explain(arguments) => explain::run(arguments).await,
        Command::Cookie(command) => cookie::run(command).await,
        Command::Rules(command) => rules::run(command).await,
        Command::Admin(command) => admin::run(command).await,
        Command::Store(command) => store::run(command).await,
        Command::Keys(KeysCommand::New) => cookie::new_key(),
        Command::Schema => {
            print!("{}", crate::rule::SCHEMA);
            Ok(())
        }
        Command::Mode { config, mode, store } => {
            let mode = Mode::WORDS.iter().find(|(word, _)| *word == mode).map(|(_, mode)| *mode);
            let mode = mode.ok_or_else(|| Failure::Usage("a mode is off, observe or on".to_owned()))?;
            mode::run(&config.load()?, mode, store.as_deref())
        }
    }
}
