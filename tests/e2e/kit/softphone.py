"""A telephone as a process of its own: pjsua2 (PJSIP), told what to do by JSON lines and telling what happens.

    python -P tests/e2e/kit/softphone.py FOLDER      commands on standard input, events on standard output

It plays a WAV file into each call and records what it hears into FOLDER/NAME.wav, from the moment that sound is there;
holes in what comes are left as holes (no packet loss concealment), so that they can be measured.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import sys
import time
from pathlib import Path
from typing import Any

import pjsua2 as pj

OUT = os.fdopen(os.dup(1), "w", buffering=1)


def tell(event: str, **more: Any) -> None:
    """One event, with the instant (CLOCK_MONOTONIC, which all processes share)."""
    OUT.write(json.dumps({"event": event, "now": time.monotonic(), **more}) + "\n")


class Player(pj.AudioMediaPlayer):
    """What a telephone says in one call; its end is told."""

    def __init__(self, call: str) -> None:
        super().__init__()
        self.call = call

    def onEof2(self) -> None:
        tell("said", call=self.call)


class Call(pj.Call):
    """One call, known to the test by a name."""

    def __init__(self, phone: Phone, account: pj.Account, name: str, call_id: int = pj.PJSUA_INVALID_ID) -> None:
        super().__init__(account, call_id)
        self.phone, self.name = phone, name
        self.recorder: pj.AudioMediaRecorder | None = None
        self.player: Player | None = None
        self.nothing: pj.AudioMediaPlayer | None = None

    def onCallState(self, prm: Any) -> None:
        info = self.getInfo()
        if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            # PJSIP tells of a player's end in a thread of its own, and dies where that is one just destroyed.
            self.phone.played = [*self.phone.played, self.player, self.nothing][-8:]
            self.player = self.recorder = self.nothing = None  # the recording is whole before anybody is told
            self.phone.calls.pop(self.name, None)
        tell(
            "call",
            call=self.name,
            state=info.stateText,
            status=info.lastStatusCode,
            reason=info.lastReason,
            remote=info.remoteUri,
            sip=info.callIdString,
            header=prm.e.body.tsxState.src.rdata.wholeMsg if prm.e.type == pj.PJSIP_EVENT_TSX_STATE else "",
        )

    def onCallMediaState(self, prm: Any) -> None:
        info = self.getInfo()  # must live as long as its media are looked at
        for index, media in enumerate(info.media):
            active = media.status == pj.PJSUA_CALL_MEDIA_ACTIVE
            remote_hold = media.status == pj.PJSUA_CALL_MEDIA_REMOTE_HOLD
            codec = ""
            if active or remote_hold:
                sound = self.getAudioMedia(index)
                codec = self.getStreamInfo(index).codecName
                self._plug(sound)
            tell("media", call=self.name, status=media.status, direction=media.dir, codec=codec)

    def onCallTransferStatus(self, prm: Any) -> None:
        tell("transfer", call=self.name, status=prm.statusCode, reason=prm.reason, final=bool(prm.finalNotify))

    def _plug(self, sound: pj.AudioMedia) -> None:
        if self.recorder is None:
            self.recorder = pj.AudioMediaRecorder()
            self.recorder.createRecorder(str(self.phone.folder / f"{self.name}.wav"))
            # Something that always plays nothing keeps the recording's clock going while no sound comes.
            self.nothing = pj.AudioMediaPlayer()
            self.nothing.createPlayer(self.phone.quiet)
            self.nothing.startTransmit(self.recorder)
            tell("recording", call=self.name)
        if self.player is None and self.phone.playing:
            self.player = Player(self.name)
            self.player.createPlayer(self.phone.playing, 0 if self.phone.loop else pj.PJMEDIA_FILE_NO_LOOP)
        if self.player is not None:
            self.player.startTransmit(sound)
        sound.startTransmit(self.recorder)


class Buddy(pj.Buddy):
    """Somebody whose lamp the telephone has."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def onBuddyState(self) -> None:
        info = self.getInfo()
        status = info.presStatus
        tell(
            "buddy",
            buddy=self.name,
            subscription=info.subStateName,
            open=status.status == pj.PJSUA_BUDDY_STATUS_ONLINE,
            note=status.note,
            busy=status.activity == pj.PJRPID_ACTIVITY_BUSY,
        )


class Account(pj.Account):
    """One registration."""

    def __init__(self, phone: Phone) -> None:
        super().__init__()
        self.phone = phone
        self.registered = False

    def onRegState(self, prm: Any) -> None:
        self.registered = prm.code // 100 == 2 and prm.expiration > 0
        tell("registration", status=prm.code, reason=prm.reason, expires=prm.expiration)

    def onMwiInfo(self, prm: Any) -> None:
        tell("messages", state=prm.state, body=prm.rdata.wholeMsg.partition("\r\n\r\n")[2])

    def onIncomingCall(self, prm: Any) -> None:
        phone = self.phone
        phone.count += 1
        call = Call(phone, self, f"{phone.name}-in-{phone.count}", prm.callId)
        phone.calls[call.name] = call
        info = call.getInfo()
        tell("incoming", call=call.name, remote=info.remoteUri, whole=prm.rdata.wholeMsg)
        answer = pj.CallOpParam()
        for status in phone.answers:
            answer.statusCode = status
            call.answer(answer)


class Phone:
    """The telephone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls: dict[str, Call] = {}
        self.name, self.playing, self.quiet = "", "", ""
        self.loop = True
        self.answers: list[int] = [180, 200]
        self.count = 0
        self.account: Account | None = None
        self.buddies: dict[str, Buddy] = {}
        self.endpoint = pj.Endpoint()
        self.played: list[pj.AudioMediaPlayer | None] = []
        """Players of the last calls that are over: nobody listens to them, so they stand still."""
        self.started = False
        """The library dies of being asked for events before it was made."""

    def do_start(
        self,
        name: str,
        codec: str,
        quiet: str,
        rate: int,
        trace: int,
        address: str = "127.0.0.1",
        ca: str = "",
        port: int = 0,
    ) -> None:
        self.name, self.quiet = name, quiet
        endpoint = self.endpoint
        endpoint.libCreate()
        config = pj.EpConfig()
        config.logConfig.level = trace
        config.logConfig.consoleLevel = 0
        config.logConfig.filename = str(self.folder / f"{name}.log")
        config.uaConfig.threadCnt = 0
        config.uaConfig.mainThreadOnly = True
        config.uaConfig.maxCalls = 16
        config.medConfig.clockRate = config.medConfig.sndClockRate = rate
        config.medConfig.ecTailLen = 0
        config.medConfig.noVad = True
        endpoint.libInit(config)
        endpoint.audDevManager().setNullDev()
        for each in endpoint.codecEnum2():
            endpoint.codecSetPriority(each.codecId, 255 if each.codecId.startswith(codec) else 0)
            if each.codecId.startswith(codec):
                param = endpoint.codecGetParam(each.codecId)
                param.setting.plc = False
                param.setting.vad = False
                endpoint.codecSetParam(each.codecId, param)
        self.address = address
        transport = pj.TransportConfig()
        transport.port = port
        transport.boundAddress = address
        endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
        transport = pj.TransportConfig()
        endpoint.transportCreate(pj.PJSIP_TRANSPORT_TCP, transport)
        if ca:
            transport = pj.TransportConfig()
            transport.tlsConfig.CaListFile = ca
            transport.tlsConfig.verifyServer = True
            endpoint.transportCreate(pj.PJSIP_TRANSPORT_TLS, transport)
        endpoint.libStart()
        self.started = True

    def do_register(
        self,
        server: str,
        line: str,
        user: str,
        password: str,
        transport: str = "udp",
        strict: bool = False,
        lamp: bool = False,
        srtp: bool = False,
    ) -> None:
        config = pj.AccountConfig()
        config.idUri = f"sip:{line}@{self.address}"
        config.regConfig.registrarUri = f"sip:{server};transport={transport}"
        config.regConfig.retryIntervalSec = 0
        config.regConfig.timeoutSec = 300
        config.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", user, 0, password))
        config.mediaConfig.transportConfig.boundAddress = self.address
        if strict:
            config.callConfig.prackUse = pj.PJSUA_100REL_MANDATORY
            config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_REQUIRED
            config.callConfig.timerSessExpiresSec = 120
        if srtp:
            config.mediaConfig.srtpUse = pj.PJMEDIA_SRTP_MANDATORY
            config.mediaConfig.srtpSecureSignaling = 0
        config.mwiConfig.enabled = lamp
        if transport != "udp" or lamp:
            config.sipConfig.proxies.append(f"sip:{server};transport={transport};lr")
        self.account = Account(self)
        self.account.create(config)

    def do_listen(self, user: str) -> None:
        """Take calls without a registration, as a carrier does."""
        config = pj.AccountConfig()
        config.idUri = f"sip:{user}@{self.address}"
        self.account = Account(self)
        self.account.create(config)

    def do_unregister(self) -> None:
        self.account.setRegistration(False)

    def do_watch(self, name: str, uri: str) -> None:
        config = pj.BuddyConfig()
        config.uri, config.subscribe = uri, True
        buddy = self.buddies[name] = Buddy(name)
        buddy.create(self.account, config)

    def do_unwatch(self, name: str) -> None:
        self.buddies.pop(name).subscribePresence(False)

    def do_play(self, path: str, loop: bool = True) -> None:
        self.playing, self.loop = path, loop

    def do_answers(self, statuses: list[int]) -> None:
        self.answers = statuses

    def do_call(self, name: str, uri: str) -> None:
        call = Call(self, self.account, name)
        self.calls[name] = call
        call.makeCall(uri, pj.CallOpParam(True))

    def do_answer(self, call: str, status: int) -> None:
        how = pj.CallOpParam()
        how.statusCode = status
        self.calls[call].answer(how)

    def do_hangup(self, call: str) -> None:
        self.calls[call].hangup(pj.CallOpParam())

    def do_update(self, call: str) -> None:
        self.calls[call].update(pj.CallOpParam(True))

    def do_dial(self, call: str, digits: str) -> None:
        self.calls[call].dialDtmf(digits)

    def do_transfer(self, call: str, uri: str) -> None:
        self.calls[call].xfer(uri, pj.CallOpParam(True))

    def do_transfer_to(self, call: str, other: str) -> None:
        self.calls[call].xferReplaces(self.calls[other], pj.CallOpParam(True))

    def do_hold(self, call: str) -> None:
        self.calls[call].setHold(pj.CallOpParam())

    def do_unhold(self, call: str) -> None:
        how = pj.CallOpParam(True)
        how.opt.flag = pj.PJSUA_CALL_UNHOLD
        self.calls[call].reinvite(how)

    def run(self) -> None:
        pending = b""
        while True:
            readable, _, _ = select.select([0], [], [], 0 if self.started else None)
            if readable:
                data = os.read(0, 65536)
                if not data:
                    break
                *lines, pending = (pending + data).split(b"\n")
                for line in lines:
                    asked = json.loads(line)
                    try:
                        getattr(self, "do_" + asked.pop("do"))(**asked)
                        tell("done")
                    except (pj.Error, KeyError) as error:
                        tell("error", what=error.info() if isinstance(error, pj.Error) else repr(error))
            if self.started:
                self.endpoint.libHandleEvents(10)
        if self.started:
            self.end()

    def end(self) -> None:
        """Hang up, take the registration back, and go as soon as both are done: PJSIP by itself stays for a second. A
        registration that is left behind would be another telephone of that line in the next test."""
        deadline = time.monotonic() + 6
        for call in list(self.calls.values()):
            with contextlib.suppress(pj.Error):
                call.hangup(pj.CallOpParam())
        self.buddies.clear()
        if self.account is not None and self.account.registered:
            with contextlib.suppress(pj.Error):
                self.account.setRegistration(False)
        while (self.calls or (self.account and self.account.registered)) and time.monotonic() < deadline:
            self.endpoint.libHandleEvents(10)
        self.calls.clear()
        time.sleep(0.05)
        self.played.clear()
        self.endpoint.libDestroy(pj.PJSUA_DESTROY_NO_RX_MSG)


if __name__ == "__main__":
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    Phone(Path(sys.argv[1])).run()
