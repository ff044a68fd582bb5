//! From a command to the family that carries it out.

use ncore::Status;
use ncore::types::{Args, NoOpArgs, PollModuleStateArgs, PollModuleStateReply};

use super::call::{Call, Outcome, body, check_flags, done};
use super::{
    acceleration, blobs, challenge, channel, clock, files, generate, info, klf2, kml, module_keys,
    module_state, nvmem, operations, reset, slots, tickets, tokens, transfer,
};

/// Carries out an admitted command.
pub(super) fn run(call: Call, args: Args) -> Outcome {
    match args {
        Args::NoOp(args) => no_op(call, args),
        Args::PollModuleState(args) => poll_module_state(call, args),

        Args::ClearUnit(args) => reset::clear_unit(call, args),
        Args::ClearUnitEx(args) => reset::clear_unit_ex(call, args),
        Args::InitialiseUnit(args) => reset::initialise_unit(call, args),
        Args::InitialiseUnitEx(args) => reset::initialise_unit_ex(call, args),
        Args::SetNSOPerms(args) => reset::set_nso_perms(call, args),
        Args::Maintenance(args) => reset::maintenance(call, args),
        Args::Fail(args) => reset::fail(call, args),
        Args::RetryFailedModule(args) => reset::retry(call, args),

        Args::SetKM(args) => module_keys::set_km(call, args),
        Args::RemoveKM(args) => module_keys::remove_km(call, args),
        Args::GetKMList(args) => module_keys::km_list(call, args),
        Args::GetKML(args) => kml::get_kml(call, args),

        Args::GetModuleState(args) => module_state::module_state(call, args),
        Args::SignModuleState(args) => module_state::sign_module_state(call, args),
        Args::GetWorldSigners(args) => module_state::world_signers(call, args),
        Args::VerifyCertificate(args) => klf2::verify_certificate(call, args),

        Args::ModExp(args) => acceleration::mod_exp(call, args),
        Args::ModExpCrt(args) => acceleration::mod_exp_crt(call, args),
        Args::RSAImmedSignDecrypt(args) => acceleration::rsa_private(call, args),
        Args::RSAImmedVerifyEncrypt(args) => acceleration::rsa_public(call, args),
        Args::GeneratePrime(args) => acceleration::generate_prime(call, args),
        Args::GenerateRandom(args) => acceleration::generate_random(call, args),

        Args::GenerateKey(args) => generate::generate_key(call, args),
        Args::GenerateKeyPair(args) => generate::generate_key_pair(call, args),
        Args::Import(args) => transfer::import(call, args),
        Args::Export(args) => transfer::export(call, args),
        Args::Duplicate(args) => transfer::duplicate(call, args),
        Args::Destroy(args) => transfer::destroy(call, args),

        Args::GetKeyInfo(args) => info::key_info(call, args),
        Args::GetKeyInfoEx(args) => info::key_info_ex(call, args),
        Args::GetACL(args) => info::acl(call, args),
        Args::SetACL(args) => info::set_acl(call, args),
        Args::GetAppData(args) => info::appdata(call, args),
        Args::SetAppData(args) => info::set_appdata(call, args),

        Args::Sign(args) => operations::sign(call, args),
        Args::Verify(args) => operations::verify(call, args),
        Args::Encrypt(args) => operations::encrypt(call, args),
        Args::Decrypt(args) => operations::decrypt(call, args),
        Args::Hash(args) => operations::hash(call, args),
        Args::ChannelOpen(args) => channel::open(call, args),
        Args::ChannelUpdate(args) => channel::update(call, args),

        Args::MakeBlob(args) => blobs::make_blob(call, args),
        Args::LoadBlob(args) => blobs::load_blob(call, args),

        Args::GetSlotList(args) => slots::slot_list(call, args),
        Args::GetSlotInfo(args) => slots::slot_info(call, args),
        Args::PollSlotList(args) => slots::poll_slot_list(call, args),
        Args::FormatToken(args) => slots::format_token(call, args),
        Args::InsertSoftToken(args) => slots::insert_soft_token(call, args),
        Args::RemoveSoftToken(args) => slots::remove_soft_token(call, args),

        Args::GenerateLogicalToken(args) => tokens::generate(call, args),
        Args::LoadLogicalToken(args) => tokens::load(call, args),
        Args::WriteShare(args) => tokens::write_share(call, args),
        Args::ReadShare(args) => tokens::read_share(call, args),
        Args::ReadSoftTokenShare(args) => tokens::read_soft_token_share(call, args),
        Args::EraseShare(args) => tokens::erase_share(call, args),
        Args::ChangeSharePIN(args) => tokens::change_share_pin(call, args),
        Args::GetShareACL(args) => tokens::share_acl(call, args),
        Args::GetLogicalTokenInfo(args) => tokens::info(call, args),
        Args::GetLogicalTokenInfoEx(args) => tokens::info_ex(call, args),

        Args::NVMemAlloc(args) => nvmem::allocate(call, args),
        Args::NVMemFree(args) => nvmem::free(call, args),
        Args::NVMemList(args) => nvmem::list(call, args),
        Args::NVMemOp(args) => nvmem::operate(call, args),

        Args::FileCreate(args) => files::create(call, args),
        Args::FileErase(args) => files::erase(call, args),
        Args::FileOp(args) => files::operate(call, args),
        Args::ReadFile(args) => files::read_file(call, args),
        Args::WriteFile(args) => files::write_file(call, args),
        Args::EraseFile(args) => files::erase_file(call, args),

        Args::GetRTC(args) => clock::time(call, args),
        Args::SetRTC(args) => clock::set(call, args),

        Args::GetTicket(args) => tickets::issue(call, args),
        Args::RedeemTicket(args) => tickets::redeem(call, args),
        Args::GetChallenge(args) => challenge::challenge(call, args),
        Args::CheckUserAction(args) => challenge::check_user_action(call, args),

        // The table of support lets nothing else in; its test sends every command that it says a module carries out.
        _ => Err(Status::SoftwareFailed),
    }
}

/// Cmd_NoOp.
fn no_op(_: Call, _: NoOpArgs) -> Outcome {
    done()
}

/// Cmd_PollModuleState: counts of what happened, answered at once.
fn poll_module_state(call: Call, args: PollModuleStateArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    // Only the low 32 bits are sent; the count wraps like every other.
    let stateevents = call.module.state_events();
    body(PollModuleStateReply {
        version: 0,
        flags: 0,
        stateevents,
        nvmemevents: call.module.nvram_events(),
        rtcadjusts: call.module.clock.adjusts(),
    })
}
