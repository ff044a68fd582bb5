//! From a message to an answer or to a module: the rules about bad input, privilege, and who answers what.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use ncore::message::{Command, Header, Reply, command_flags};
use ncore::profile::FrameLen;
use ncore::types::{
    Args, Cmd, CreateClientArgs, CreateClientReply, CreateClientVer, CreateClientVerData,
    ExistingClientArgs, ExistingClientReply, NewClientArgs, NewClientReply, ReplyBody, Status,
};

use super::Hardserver;
use super::clients::{Client, Location, Process};
use super::connection::Connection;
use super::injection::{self, Struck};
use super::merging;
use super::pace;
use super::remote::{Outgoing, Parcel};
use super::routing::{self, Refusal};
use super::unit::Unit;
use super::worker::{Answer, Begun, Outstanding, Owed, Task, unless_it_panics};
use crate::job::{self, Job, Work};
use crate::module::Module;
use crate::module::support::{Support, check_header, support};
use crate::module::tickets::module_of_ticket;
use crate::seed::Streams;

/// What became of a message.
pub(super) enum Done {
    Body(ReplyBody),
    /// The module's reply, good or bad.
    Reply(Reply),
    Left {
        work: Rest,
        index: usize,
        outstanding: Outstanding,
    },
}

/// What is left to do for a command.
pub(super) enum Rest {
    /// Arithmetic in this process.
    Compute(Work),
    /// Its module is another hardserver's.
    Send(Box<Outgoing>),
}

/// A command on its way to a module.
pub(super) struct Given {
    pub(super) command: Command,
    /// The module's number as whoever asks knows it.
    pub(super) number: u32,
    /// Who asks.
    pub(super) client: job::Client,
    /// The streams that it draws from.
    pub(super) streams: Streams,
    /// Bytes of its message.
    pub(super) length: usize,
    /// Arithmetic without which it cannot begin.
    pub(super) before: Option<Before>,
}

/// What is done before a command begins. It may change the command, and an error is its answer.
pub(super) type Before = Box<dyn FnOnce(&mut Command) -> Result<(), Status> + Send>;

impl From<ReplyBody> for Done {
    fn from(body: ReplyBody) -> Done {
        Done::Body(body)
    }
}

impl Hardserver {
    /// Counts a message that asks for a command.
    pub(super) fn count_command(&self, connection: &Connection, length: usize) {
        let length = length as u64;
        for (commands, bytes) in [
            (&self.counts.commands, &self.counts.command_bytes),
            (
                &connection.traffic.commands,
                &connection.traffic.command_bytes,
            ),
        ] {
            commands.fetch_add(1, Ordering::Relaxed);
            bytes.fetch_add(length, Ordering::Relaxed);
        }
    }

    /// Begins the command in a message.
    pub(super) fn begin(
        self: &Arc<Self>,
        connection: &Arc<Connection>,
        message: &[u8],
        frame_len: FrameLen,
    ) -> Begun {
        self.count_command(connection, message.len());
        // A frame holds at least a header. If it did not, the command would be ErrorReturn, which is none.
        let nothing = Header {
            tag: 0,
            cmd: Cmd::ErrorReturn,
            status: Status::OK,
            flags: 0,
        };
        let header = Header::peek(message).unwrap_or(nothing);
        let mut answer = Answer {
            connection: Arc::clone(connection),
            client: None,
            header,
            frame_len,
            index: None,
            destroys: None,
            fault: None,
            due: None,
            attempt: None,
        };
        let done = self.begin_command(message, &mut answer);
        begun(answer, done)
    }

    fn begin_command(
        self: &Arc<Self>,
        message: &[u8],
        answer: &mut Answer,
    ) -> Result<Done, Refusal> {
        let header = answer.header;
        let privileged = answer.connection.privileged;
        if header.status != Status::OK {
            return Err(self.malformed());
        }
        let support = support(header.cmd);
        let needs_privilege = match support {
            Support::Module(needs) => needs.privileged,
            Support::Hardserver | Support::Refused(_) => is_privileged(header.cmd),
        };
        if needs_privilege && !privileged {
            return Err(Status::PrivilegedCommand.into());
        }
        if let Support::Refused(status) = support {
            return Err(status.into());
        }
        if header.flags & !self.known_flags() != 0 {
            return Err(Status::UnknownFlag.into());
        }
        let mut command = Command::decode(message, &self.profile).map_err(|error| {
            tracing::debug!(connection = answer.connection.number, cmd = %header.cmd, %error, "malformed command");
            self.malformed()
        })?;
        let mut for_pool = false;
        if self.pool.number().is_some() && support != Support::Hardserver {
            for_pool = command.flags & command_flags::POOL_MODULE != 0;
            command.flags &= !command_flags::POOL_MODULE;
        }
        check_header(&command)?;
        match support {
            Support::Hardserver => {
                match self.strike(answer, None) {
                    Struck::Refused(status) => return Err(status.into()),
                    Struck::Later(by) => answer.due = injection::later(None, by),
                    // Nothing inside a module happens to a command that comes to none.
                    Struck::Meanwhile(_) | Struck::Unchanged => {}
                }
                self.serve(command, answer)
            }
            _ => self.give_to_module(command, message.len(), for_pool, answer),
        }
    }

    /// Carries out a command of the hardserver's own.
    fn serve(self: &Arc<Self>, command: Command, answer: &mut Answer) -> Result<Done, Refusal> {
        let connection = Arc::clone(&answer.connection);
        let body = match command.args {
            Args::NewClient(NewClientArgs { flags }) => {
                refuse_flags(flags)?;
                let (client, attachment) = self.clients.create(None);
                connection.attach(attachment);
                NewClientReply { flags: 0, client }.into()
            }
            Args::CreateClient(args) => {
                let (client, attachment) = self.clients.create(process(args)?);
                connection.attach(attachment);
                CreateClientReply { flags: 0, client }.into()
            }
            Args::ExistingClient(ExistingClientArgs { flags, client }) => {
                refuse_flags(flags)?;
                connection.attach(self.clients.join(client)?);
                ExistingClientReply { flags: 0 }.into()
            }
            Args::NewEnquiry(args) => self.enquiry(&args)?.into(),
            Args::GetWhichModule(args) => {
                merging::which_module(self, &*owner(&connection)?, &args)?.into()
            }
            Args::MergeKeyIDs(args) => merging::merge(self, &*owner(&connection)?, &args)?.into(),
            Args::UpdateMergedKey(args) => {
                merging::update(self, &*owner(&connection)?, &args)?.into()
            }
            Args::ConfigurePoolModule(args) => self.configure_pool(&args)?.into(),
            Args::GetPoolInfo(args) => self.pool_info(&args)?.into(),
            Args::StatEnumTree(args) => self.stat_tree(&args)?.into(),
            Args::StatGetValues(args) => self.stat_values(&args)?.into(),
            // The table of support lets nothing else in.
            _ => return Err(Status::SoftwareFailed.into()),
        };
        Ok(Done::Body(body))
    }

    /// Finds the module for a command and begins it there. `for_pool` tells that its header asks for the pool.
    fn give_to_module(
        self: &Arc<Self>,
        mut command: Command,
        length: usize,
        for_pool: bool,
        answer: &mut Answer,
    ) -> Result<Done, Refusal> {
        let client = answer.connection.client_or_anonymous(&self.clients);
        answer.client = Some(Arc::clone(&client));
        match &mut command.args {
            // Number 0 is the server, which is evidently there.
            Args::NoOp(args) if args.module == 0 => return Ok(ReplyBody::Empty.into()),
            Args::Destroy(args) => {
                if let Location::Merged(_) | Location::Pool(_) = client.locate(args.key)? {
                    client.forget(args.key);
                    return Ok(ReplyBody::Empty.into());
                }
                answer.destroys = Some(args.key);
            }
            // A ticket says which module made it.
            Args::RedeemTicket(args) if args.module == 0 => {
                args.module = module_of_ticket(&args.ticket).ok_or(Status::InvalidParameter)?;
            }
            _ => {}
        }
        let privileged = answer.connection.privileged;
        let taken = self.for_pool(&mut command, &client, privileged, for_pool, length)?;
        if let Some(taken) = taken {
            return self.attempt(Arc::new(taken), answer);
        }
        let index = routing::route(&mut command, &client, &self.modules)?;
        let number = self.modules[index].number;
        let (ordinal, ordinal_of_command) = (client.ordinal(), client.next_command());
        let given = Given {
            command,
            number,
            client: client.identity(privileged),
            streams: Streams::new(&self.seed, number, ordinal, ordinal_of_command),
            length,
            before: None,
        };
        self.give(given, index, answer)
    }

    /// Begins a command on a module.
    pub(super) fn give(
        self: &Arc<Self>,
        given: Given,
        index: usize,
        answer: &mut Answer,
    ) -> Result<Done, Refusal> {
        let Given {
            command,
            number,
            client,
            streams,
            length,
            before,
        } = given;
        answer.index = Some(index);
        let slot = &self.modules[index];
        slot.started.fetch_add(1, Ordering::Relaxed);
        slot.command_bytes
            .fetch_add(length as u64, Ordering::Relaxed);
        let paced = slot.pace.as_ref().zip(slot.unit.own());
        let due = paced.map(|(pace, own)| {
            let operation = pace::operation(&command, &own.module, client.ordinal);
            let due = pace.due(Instant::now(), operation);
            match pace::tries_passphrase(command.cmd()) {
                true => pace.due_retry(due),
                false => due,
            }
        });
        let struck = self.strike(answer, Some(slot));
        answer.due = match &struck {
            Struck::Refused(status) => return Err((*status).into()),
            Struck::Later(by) => injection::later(due, *by),
            _ => due,
        };
        let job = Job {
            command,
            number,
            client,
            now: self.now(),
            streams,
        };
        let work = match &slot.unit {
            Unit::Own(own) => match begin_here(&own.module, job, before, answer.header) {
                job::Begun::Work(work) => work,
                // The reply is there, and has to wait for its time.
                job::Begun::Reply(reply)
                    if answer.due.is_some() || matches!(struck, Struck::Meanwhile(_)) =>
                {
                    Box::new(move || reply)
                }
                job::Begun::Reply(reply) => return Ok(Done::Reply(reply)),
            },
            Unit::Imported(_) => {
                let outgoing = Outgoing::new(job, before);
                return Ok(Done::Left {
                    work: Rest::Send(Box::new(outgoing)),
                    index,
                    outstanding: Outstanding::new(self, &answer.connection, Some(index)),
                });
            }
        };
        let work: Work = match struck {
            Struck::Meanwhile(meanwhile) => Box::new(move || meanwhile(work)),
            _ => work,
        };
        Ok(Done::Left {
            work: Rest::Compute(work),
            index,
            outstanding: Outstanding::new(self, &answer.connection, Some(index)),
        })
    }
    /// Malformed, counted.
    pub(super) fn malformed(&self) -> Refusal {
        self.counts.marshal_errors.fetch_add(1, Ordering::Relaxed);
        Status::Malformed.into()
    }

    fn known_flags(&self) -> u32 {
        let bits = &self.profile.presence;
        command_flags::KNOWN
            | bits.command_state
            | bits.command_certs
            | bits.command_extractstate
            | bits.command_sessionid
    }
}

/// What the worker does with what became of a message.
pub(super) fn begun(answer: Answer, done: Result<Done, Refusal>) -> Begun {
    let Header { tag, cmd, .. } = answer.header;
    let reply = match done {
        Ok(Done::Left {
            work,
            index,
            outstanding,
        }) => {
            let owed = Owed {
                index,
                answer,
                outstanding,
            };
            return match work {
                Rest::Compute(work) => Begun::Left(Task { work, owed }),
                Rest::Send(outgoing) => Begun::Outgoing(Parcel {
                    outgoing,
                    owed: Box::new(owed),
                }),
            };
        }
        Ok(Done::Body(body)) => Reply::ok(tag, cmd, body),
        Ok(Done::Reply(reply)) => reply,
        Err(Refusal { status, info }) => Reply {
            info,
            ..Reply::error(tag, status)
        },
    };
    Begun::Answered(answer, reply)
}

/// Begins a job on a module of this process.
fn begin_here(
    module: &Arc<Module>,
    mut job: Job,
    before: Option<Before>,
    header: Header,
) -> job::Begun {
    let tag = header.tag;
    let begin = || match before {
        None => Module::begin(module, job),
        Some(before) => {
            let module = Arc::clone(module);
            job::Begun::Work(Box::new(move || match before(&mut job.command) {
                Ok(()) => Module::begin(&module, job).finish(),
                Err(status) => Reply::error(tag, status),
            }))
        }
    };
    let mut work = None;
    let reply = unless_it_panics(&header, || match begin() {
        job::Begun::Reply(reply) => reply,
        job::Begun::Work(left) => {
            work = Some(left);
            Reply::error(tag, Status::Failed)
        }
    });
    work.map_or(job::Begun::Reply(reply), job::Begun::Work)
}

/// Commands that need a privileged connection although no module carries them out (PROTOCOL section 4.9).
fn is_privileged(cmd: Cmd) -> bool {
    matches!(
        cmd,
        Cmd::ImportModule | Cmd::UnimportModule | Cmd::ConfigurePoolModule
    ) || cmd
        .name()
        .is_some_and(|name| name.starts_with("Programming"))
}

/// The client of a connection: ClientUnknown if it obtained none.
fn owner(connection: &Connection) -> Result<Arc<Client>, Status> {
    let client = connection.client().ok_or(Status::ClientUnknown)?;
    client.check_owner()?;
    Ok(client)
}

fn process(args: CreateClientArgs) -> Result<Option<Process>, Status> {
    refuse_flags(args.flags)?;
    match (args.version, args.data) {
        (CreateClientVer::Zero, _) => Ok(None),
        (_, CreateClientVerData::One(data)) => Ok(Some(Process {
            id: data.one.pid,
            name: data.one.name,
        })),
        _ => Err(Status::UnknownParameter),
    }
}

/// These commands have no flags.
pub(super) fn refuse_flags(flags: u32) -> Result<(), Status> {
    if flags == 0 {
        Ok(())
    } else {
        Err(Status::UnknownFlag)
    }
}
