import { MacFailure, Usim } from "@oma/sec-cf-core/aka"
import {
  BsfBootstrap,
  BTid,
  Fqdn,
  Impi,
  UaClient,
  UaNaf,
  UaRealm,
  type UbMessage,
  UeBootstrap
} from "@oma/sec-cf-core/gba"
import { Result } from "effect"
import { assert, describe, it } from "vitest"

const ok = Result.getOrThrow
const octets = (n: number, value: number) => new Uint8Array(n).fill(value)

/** What a step leads to, as text: the next state and the actions, or the failure. */
const outcome = (
  result: Result.Result<
    readonly [{ readonly _tag: string }, ReadonlyArray<{ readonly _tag: string }>],
    { readonly _tag: string }
  >
): string =>
  Result.isSuccess(result)
    ? [result.success[0]._tag, ...result.success[1].map((action) => action._tag)].join(" ")
    : result.failure._tag

const impi = ok(Impi.parse("001010123456789@ims.mnc001.mcc001.3gppnetwork.org"))
const tmpiText = "PnDNkgHmcd79Rs74stvCa1R1/Gmieyoi@tmpi.bsf.3gppnetwork.org"
const tmpi = Impi.isTmpi(tmpiText) ? tmpiText : assert.fail()
const btid = ok(BTid.parse("abc@bsf.home1.net"))
const other = ok(BTid.parse("def@bsf.home1.net"))
const challenge: UbMessage.UbChallenge = {
  realm: "bsf.home1.net",
  nonce: "n",
  rand: octets(16, 1),
  autn: octets(16, 2),
  serverData: octets(0, 0),
  algorithm: "AKAv1-MD5",
  qop: "auth-int",
  opaque: undefined
}
const OUT = "OutOfOrder"

describe("UeBootstrap", () => {
  const { State, Event } = UeBootstrap
  const run = { impi, identity: impi, challenges: 1, resynchronisations: 0 }
  const now = 1_000_000
  const states = {
    Idle: State.Idle(),
    AwaitingChallenge: State.AwaitingChallenge({ run }),
    AwaitingCard: State.AwaitingCard({ run, challenge }),
    AwaitingResult: State.AwaitingResult({ run, challenge, ck: octets(16, 3), ik: octets(16, 4) }),
    Bootstrapped: State.Bootstrapped({ impi, btid, notAfter: now }),
    Failed: State.Failed({ impi, reason: "no card" })
  }
  const authenticated = Usim.AkaAnswer.Authenticated({ res: octets(8, 5), ck: octets(16, 3), ik: octets(16, 4) })
  const events = {
    Start: Event.Start({ impi }),
    Challenged: Event.Challenged({ challenge, realmMatches: true }),
    OtherRealm: Event.Challenged({ challenge, realmMatches: false }),
    Authenticated: Event.CardAnswered({ answer: authenticated }),
    Synch: Event.CardAnswered({
      answer: Usim.AkaAnswer.SynchronisationFailure({ auts: octets(14, 6), fault: "too old" })
    }),
    Mac: Event.CardAnswered({ answer: Usim.AkaAnswer.MacFailure({ reason: new MacFailure({ clause: "" }) }) }),
    CardLost: Event.CardLost(),
    Accepted: Event.Accepted({ info: { btid, lifetime: now + 1 }, proved: true, now }),
    Unproved: Event.Accepted({ info: { btid, lifetime: now + 1 }, proved: false, now }),
    Over: Event.Accepted({ info: { btid, lifetime: now }, proved: true, now }),
    Refused: Event.Refused({ status: 403 }),
    Broken: Event.Broken(),
    Expired: Event.Expired()
  }
  const begin = "AwaitingChallenge SendInitial"
  const table: Record<keyof typeof states, Partial<Record<keyof typeof events, string>>> = {
    Idle: { Start: begin },
    Failed: { Start: begin },
    Bootstrapped: { Start: begin, Expired: "Idle Forget" },
    AwaitingChallenge: {
      Challenged: "AwaitingCard AskCard",
      OtherRealm: "Failed",
      Refused: "Failed",
      Broken: "Failed"
    },
    AwaitingCard: {
      Authenticated: "AwaitingResult SendResponse",
      Synch: "AwaitingChallenge SendAuts",
      Mac: "Failed",
      CardLost: "Failed"
    },
    AwaitingResult: {
      Challenged: "AwaitingCard AskCard",
      OtherRealm: "Failed",
      Accepted: "Bootstrapped Keep",
      Unproved: "Failed",
      Over: "Failed",
      Refused: "Failed",
      Broken: "Failed"
    }
  }
  for (const [s, state] of Object.entries(states)) {
    for (const [e, event] of Object.entries(events)) {
      it(`${s} and ${e}`, () => {
        assert.strictEqual(
          outcome(UeBootstrap.step(state, event)),
          table[s as keyof typeof states][e as keyof typeof events] ?? OUT
        )
      })
    }
  }

  const go = (state: UeBootstrap.State, ...all: ReadonlyArray<UeBootstrap.Event>) =>
    all.reduce<UeBootstrap.Step>((step, event) => ok(UeBootstrap.step(step[0], event)), [state, []])

  it("asks with the TMPI first, and with the IMPI once the server does not know it", () => {
    const [waiting, first] = go(State.Idle(), Event.Start({ impi, tmpi }))
    assert.deepStrictEqual(first, [UeBootstrap.Action.SendInitial({ identity: tmpi })])
    const [again, second] = go(waiting, Event.Refused({ status: 403 }))
    assert.deepStrictEqual(second, [
      UeBootstrap.Action.ForgetTmpi({ impi }),
      UeBootstrap.Action.SendInitial({ identity: impi })
    ])
    assert.strictEqual(go(again, Event.Refused({ status: 403 }))[0]._tag, "Failed")
  })

  it("keeps the keys of the challenge that it answered, and the lifetime by the server's clock", () => {
    const accepted = Event.Accepted({ info: { btid, lifetime: 9_000, currentTime: 5_000 }, proved: true, now })
    const [state, actions] = go(states.AwaitingResult, accepted)
    assert.deepStrictEqual(state, State.Bootstrapped({ impi, btid, notAfter: now + 4_000 }))
    assert.deepStrictEqual(actions, [
      UeBootstrap.Action.Keep({
        impi,
        btid,
        rand: challenge.rand,
        ck: octets(16, 3),
        ik: octets(16, 4),
        notAfter: now + 4_000
      })
    ])
  })

  it("resynchronises once and answers four challenges at most", () => {
    const synch = go(states.AwaitingCard, events.Synch)[0]
    const twice = go(synch, events.Challenged, events.Synch)[0]
    assert.deepStrictEqual(
      twice,
      State.Failed({ impi, reason: "out of step with the network after resynchronisation" })
    )
    let [state] = go(State.Idle(), events.Start)
    for (let i = 0; i < 4; i++) [state] = go(state, events.Challenged, events.Authenticated)
    assert.deepStrictEqual(go(state, events.Challenged)[0], State.Failed({ impi, reason: "too many challenges" }))
  })
})

describe("BsfBootstrap", () => {
  const { State, Event } = BsfBootstrap
  const rand = octets(16, 1)
  const states = {
    Idle: State.Idle(),
    AwaitingVector: State.AwaitingVector({ impi }),
    Challenged: State.Challenged({ impi, rand, notAfter: 5 }),
    Decoyed: State.Decoyed(),
    Bootstrapped: State.Bootstrapped({ impi, rand, notAfter: 9 }),
    Refused: State.Refused({ why: "malformed" })
  }
  const events = {
    Requested: Event.Requested({ impi }),
    NoIdentity: Event.Unusable({ why: "no identity" }),
    UnknownTmpi: Event.Unusable({ why: "unknown TMPI" }),
    Malformed: Event.Unusable({ why: "malformed" }),
    VectorFetched: Event.VectorFetched({ rand, notAfter: 5 }),
    Unknown: Event.VectorFailed({ why: "unknown" }),
    AutsRejected: Event.VectorFailed({ why: "auts rejected" }),
    Unavailable: Event.VectorFailed({ why: "unavailable" }),
    Right: Event.Responded({ right: true, notAfter: 9 }),
    Wrong: Event.Responded({ right: false, notAfter: 9 }),
    Auts: Event.Resynchronise({ right: true, auts: octets(14, 1) }),
    WrongAuts: Event.Resynchronise({ right: false, auts: octets(14, 1) }),
    Expired: Event.Expired()
  }
  const fresh = {
    Requested: "AwaitingVector FetchVector",
    NoIdentity: "Refused Refuse",
    UnknownTmpi: "Refused Refuse",
    Malformed: "Refused Refuse"
  }
  const table: Record<keyof typeof states, Partial<Record<keyof typeof events, string>>> = {
    Idle: fresh,
    Decoyed: fresh,
    Refused: fresh,
    AwaitingVector: {
      VectorFetched: "Challenged SendChallenge",
      Unknown: "Decoyed SendDecoy",
      AutsRejected: "AwaitingVector FetchVector",
      Unavailable: "Refused Refuse"
    },
    Challenged: {
      ...fresh,
      Right: "Bootstrapped Spend KeepKs SendAccepted",
      Wrong: "AwaitingVector Spend FetchVector",
      Auts: "AwaitingVector Spend FetchAfterAuts",
      WrongAuts: "AwaitingVector Spend FetchVector",
      Expired: "Idle Spend"
    },
    Bootstrapped: { ...fresh, Expired: "Idle Forget" }
  }
  for (const [s, state] of Object.entries(states)) {
    for (const [e, event] of Object.entries(events)) {
      it(`${s} and ${e}`, () => {
        assert.strictEqual(
          outcome(BsfBootstrap.step(state, event)),
          table[s as keyof typeof states][e as keyof typeof events] ?? OUT
        )
      })
    }
  }
  it("tells a handset the status of the table and no more", () => {
    for (const why of ["no identity", "unknown TMPI", "malformed"] as const) {
      const [, actions] = ok(BsfBootstrap.step(State.Idle(), Event.Unusable({ why })))
      assert.deepStrictEqual(actions, [BsfBootstrap.Action.Refuse({ status: BsfBootstrap.refusalStatus[why], why })])
    }
  })
})

const fqdn = ok(Fqdn.parse("naf1.home1.net"))
const realmOf = (text: string) => UaRealm.decodeOne(text) ?? assert.fail(text)
const me = realmOf("3GPP-bootstrapping@naf1.home1.net")
const uicc = realmOf("3GPP-bootstrapping-uicc@naf1.home1.net")
const foreign = realmOf("3GPP-bootstrapping@evil.example")

describe("UaClient", () => {
  const { State, Event } = UaClient
  const run = { kinds: ["me"] as const, renewed: false, challenges: 0 }
  const states = {
    Idle: State.Idle(),
    Sent: State.Sent({ run, btid: undefined }),
    SentWithKey: State.Sent({ run, btid }),
    SentAfterRenewal: State.Sent({ run: { ...run, renewed: true }, btid }),
    Bootstrapping: State.Bootstrapping({ run, realm: me }),
    Done: State.Done(),
    Failed: State.Failed({ reason: "not authorised" })
  }
  const challenged = (over: Partial<Extract<UaClient.Event, { _tag: "Challenged" }>>) =>
    Event.Challenged({ realms: [me], host: "naf1.home1.net", btid: undefined, stale: false, ...over })
  const events = {
    Start: Event.Start({ kinds: ["me"] }),
    NoKey: challenged({}),
    SameKey: challenged({ btid }),
    OtherKey: challenged({ btid: other }),
    Stale: challenged({ btid, stale: true }),
    Foreign: challenged({ realms: [foreign] }),
    Uicc: challenged({ realms: [uicc] }),
    NoRealm: challenged({ realms: [] }),
    Bootstrapped: Event.Bootstrapped({ btid }),
    BootstrapFailed: Event.BootstrapFailed(),
    Proved: Event.Answered({ status: 200, proof: "right" }),
    Unproved: Event.Answered({ status: 200, proof: "absent" }),
    WrongProof: Event.Answered({ status: 200, proof: "wrong" }),
    Forbidden: Event.Answered({ status: 403, proof: "absent" }),
    NotFound: Event.Answered({ status: 404, proof: "absent" })
  }
  const start = { Start: "Sent Send" }
  const wrong = {
    Foreign: "Failed Close",
    Uicc: "Failed Close",
    NoRealm: "Failed Close",
    WrongProof: "Failed Close",
    Forbidden: "Failed Close"
  }
  const served = { Proved: "Done Deliver", Unproved: "Done Deliver", NotFound: "Done Deliver" }
  const table: Record<keyof typeof states, Partial<Record<keyof typeof events, string>>> = {
    Idle: start,
    Done: start,
    Failed: start,
    Sent: {
      ...wrong,
      ...served,
      NoKey: "Bootstrapping Bootstrap",
      SameKey: "Sent SendAuthorised",
      OtherKey: "Sent SendAuthorised",
      Stale: "Sent SendAuthorised"
    },
    SentWithKey: {
      ...wrong,
      ...served,
      NoKey: "Bootstrapping Bootstrap",
      SameKey: "Bootstrapping Bootstrap",
      OtherKey: "Sent SendAuthorised",
      Stale: "Sent SendAuthorised"
    },
    SentAfterRenewal: {
      ...wrong,
      ...served,
      NoKey: "Failed Close",
      SameKey: "Failed Close",
      OtherKey: "Sent SendAuthorised",
      Stale: "Sent SendAuthorised"
    },
    Bootstrapping: { Bootstrapped: "Sent SendAuthorised", BootstrapFailed: "Failed Close" }
  }
  for (const [s, state] of Object.entries(states)) {
    for (const [e, event] of Object.entries(events)) {
      it(`${s} and ${e}`, () => {
        assert.strictEqual(
          outcome(UaClient.step(state, event)),
          table[s as keyof typeof states][e as keyof typeof events] ?? OUT
        )
      })
    }
  }
  it("answers the realm of the kind that it prefers, and that realm only", () => {
    const both = challenged({ realms: [me, uicc], btid })
    const [, actions] = ok(UaClient.step(State.Sent({ run: { ...run, kinds: ["uicc", "me"] }, btid: undefined }), both))
    assert.deepStrictEqual(actions, [UaClient.Action.SendAuthorised({ btid, realm: uicc })])
  })
  it("gives up after four challenges, and drops an unproved answer where proof is demanded", () => {
    const full = State.Sent({ run: { ...run, challenges: 4 }, btid })
    assert.strictEqual(outcome(UaClient.step(full, events.Stale)), "Failed Close")
    const strict = { challenges: 4, demandProof: true }
    assert.strictEqual(outcome(UaClient.step(states.SentWithKey, events.Unproved, strict)), "Failed Close")
    assert.strictEqual(outcome(UaClient.step(states.SentWithKey, events.Proved, strict)), "Done Deliver")
    assert.strictEqual(outcome(UaClient.step(states.Sent, events.Unproved, strict)), "Done Deliver")
    assert.strictEqual(outcome(UaClient.step(states.SentWithKey, events.NotFound, strict)), "Done Deliver")
  })
})

describe("UaNaf", () => {
  const { State, Event } = UaNaf
  const profile: UaNaf.NafProfile = { fqdn, kinds: ["me"] }
  const states = {
    Idle: State.Idle(),
    AwaitingKey: State.AwaitingKey({ btid, kind: "me" }),
    AwaitingVerdict: State.AwaitingVerdict({ btid, kind: "me" }),
    Admitted: State.Admitted({ btid }),
    Refused: State.Refused({ why: "unknown B-TID" })
  }
  const events = {
    Plain: Event.Plain({ capable: true }),
    Incapable: Event.Plain({ capable: false }),
    Presented: Event.Presented({ realm: me.text, btid }),
    Uicc: Event.Presented({ realm: uicc.text, btid }),
    Foreign: Event.Presented({ realm: foreign.text, btid }),
    Joined: Event.Presented({ realm: `${uicc.text};${me.text}`, btid }),
    NoBTid: Event.Presented({ realm: me.text, btid: undefined }),
    KeyFound: Event.KeyFound(),
    Unknown: Event.KeyMissing({ why: "unknown B-TID" }),
    Expired: Event.KeyMissing({ why: "key expired" }),
    Unauthorised: Event.KeyMissing({ why: "not authorised" }),
    Down: Event.KeyMissing({ why: "bootstrapping server unavailable" }),
    Right: Event.Judged({ verdict: "right" }),
    Wrong: Event.Judged({ verdict: "response is wrong" }),
    Old: Event.Judged({ verdict: "nonce is old" }),
    Forbidden: Event.Judged({ verdict: "not authorised" })
  }
  const again = "Refused Challenge"
  const fresh = {
    Plain: again,
    Incapable: "Refused Refuse",
    Presented: "AwaitingKey FindKey",
    Uicc: again,
    Foreign: again,
    Joined: again,
    NoBTid: again
  }
  const table: Record<keyof typeof states, Partial<Record<keyof typeof events, string>>> = {
    Idle: fresh,
    Admitted: fresh,
    Refused: fresh,
    AwaitingKey: {
      KeyFound: "AwaitingVerdict Verify",
      Unknown: again,
      Expired: again,
      Unauthorised: "Refused Refuse",
      Down: "Refused Refuse"
    },
    AwaitingVerdict: { Right: "Admitted Admit", Wrong: again, Old: again, Forbidden: "Refused Refuse" }
  }
  for (const [s, state] of Object.entries(states)) {
    for (const [e, event] of Object.entries(events)) {
      it(`${s} and ${e}`, () => {
        assert.strictEqual(
          outcome(UaNaf.step(profile, state, event)),
          table[s as keyof typeof states][e as keyof typeof events] ?? OUT
        )
      })
    }
  }
  it("answers an unknown name, an expired key and a wrong response alike", () => {
    const actions = [
      UaNaf.step(profile, states.AwaitingKey, events.Unknown),
      UaNaf.step(profile, states.AwaitingKey, events.Expired),
      UaNaf.step(profile, states.AwaitingVerdict, events.Wrong)
    ].map((result) => ok(result)[1])
    assert.deepStrictEqual(actions[0], [
      UaNaf.Action.Challenge({ realm: "3GPP-bootstrapping@naf1.home1.net", stale: false })
    ])
    assert.deepStrictEqual(actions[1], actions[0])
    assert.deepStrictEqual(actions[2], actions[0])
    assert.deepStrictEqual(ok(UaNaf.step(profile, states.AwaitingVerdict, events.Old))[1], [
      UaNaf.Action.Challenge({ realm: "3GPP-bootstrapping@naf1.home1.net", stale: true })
    ])
  })
})
