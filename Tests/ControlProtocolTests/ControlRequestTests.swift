import Testing

@testable import ControlProtocol

@Suite("Requests and replies")
struct ControlRequestTests {
    @Test("regression: a parameter may be named as the option is written")
    func optionName() {
        guard case .request(let request) = read(#"{"method":"reload","params":{"dry-run":true}}"#) else {
            Issue.record("no request")
            return
        }
        #expect(request == ControlRequest(.reload(dryRun: true)))
    }

    private func read(_ text: String) -> ControlRequest.Reading { ControlRequest.read(Array(text.utf8)) }

    @Test(
        "a request survives the way over the socket",
        arguments: [
            ControlRequest(.status(services: [])), ControlRequest(.status(services: ["a", "b"]), id: 7),
            ControlRequest(.stop(services: [], drain: nil), id: "x"),
            ControlRequest(.stop(services: ["web"], drain: .milliseconds(1500)), id: .null), ControlRequest(.metrics),
            ControlRequest(.connections(services: ["web"]), id: 1), ControlRequest(.pause(services: ["web"])),
            ControlRequest(.resume(services: ["a", "b"])), ControlRequest(.events(EventQuery())),
            ControlRequest(.upgrade),
            ControlRequest(
                .events(
                    EventQuery(
                        filter: EventFilter(services: ["a", "b"], names: [.refused, .exited], level: .notice),
                        follows: true, recent: 0))),
            ControlRequest(.reload(dryRun: false)), ControlRequest(.reload(dryRun: true)),
        ])
    func roundTrip(request: ControlRequest) {
        #expect(read(request.json.text) == .request(request))
        #expect(request.json.line.last == UInt8(ascii: "\n"))
    }

    @Test(
        "what is wrong with a request is said, and its id comes back",
        arguments: [
            ("[]", ControlError.Code.badRequest, JSON?.none), ("", .badRequest, nil), ("{", .badRequest, nil),
            (#"{"id":1}"#, .badRequest, 1), (#"{"method":5,"id":"a"}"#, .badRequest, "a"),
            (#"{"method":"status","params":[],"id":1}"#, .badRequest, 1),
            (#"{"method":"dance","id":[1]}"#, .unknownMethod, .array([1])),
            (#"{"method":"reload","params":{"dry_run":"yes"}}"#, .badRequest, nil),
            (#"{"method":"reload","params":{"services":["a"]}}"#, .badRequest, nil),
            (#"{"method":"restart","params":{"services":[]}}"#, .badRequest, nil),
            (#"{"method":"pause"}"#, .badRequest, nil),
            (#"{"method":"resume","params":{"services":[]}}"#, .badRequest, nil),
            (#"{"method":"connections","params":{"limit":1}}"#, .badRequest, nil),
            (#"{"method":"events","params":{"events":["dance"]}}"#, .badRequest, nil),
            (#"{"method":"events","params":{"events":"refused"}}"#, .badRequest, nil),
            (#"{"method":"events","params":{"level":"loud"}}"#, .badRequest, nil),
            (#"{"method":"events","params":{"level":1}}"#, .badRequest, nil),
            (#"{"method":"events","params":{"follow":"yes"}}"#, .badRequest, nil),
            (#"{"method":"events","params":{"recent":-1}}"#, .badRequest, nil),
            (#"{"method":"events","params":{"recent":1.5}}"#, .badRequest, nil),
            (#"{"method":"events","params":{"since":"yesterday"}}"#, .badRequest, nil),
            (#"{"method":"stop","params":{"services":"a"}}"#, .badRequest, nil),
            (#"{"method":"stop","params":{"services":[1]}}"#, .badRequest, nil),
            (#"{"method":"stop","params":{"drain":30}}"#, .badRequest, nil),
            (#"{"method":"stop","params":{"drain":"30"}}"#, .badRequest, nil),
            (#"{"method":"status","params":{"drain":"30s"}}"#, .badRequest, nil),
            (#"{"method":"metrics","params":{"services":[]}}"#, .badRequest, nil),
        ])
    func refused(text: String, code: ControlError.Code, id: JSON?) throws {
        guard case .refused(let reply) = read(text), case .failure(let error) = reply.outcome else {
            Issue.record("taken for a request: \(text)")
            return
        }
        #expect(error.code == code)
        #expect(reply.id == id)
        #expect(!error.message.isEmpty)
    }

    @Test("who may only look sees no metrics: they are for those who may do everything")
    func forEverybody() {
        #expect(ControlRequest.Method.status(services: []).onlyLooks)
        #expect(!ControlRequest.Method.metrics.onlyLooks)
    }

    @Test("a misspelt member does not turn a stop of one service into a stop of all")
    func misspelt() {
        for text in [
            #"{"method":"stop","parms":{"services":["a"]}}"#, #"{"method":"stop","params":{"service":["a"]}}"#,
        ] {
            guard case .refused = read(text) else {
                Issue.record("taken: \(text)")
                continue
            }
        }
    }

    @Test("who may only look may call nothing that changes anything")
    func looking() {
        let methods: [ControlRequest.Method] = [
            .status(services: []), .connections(services: []), .events(EventQuery()), .stop(services: [], drain: nil),
            .restart(services: ["a"]), .pause(services: ["a"]), .resume(services: ["a"]),
        ]
        #expect(methods.filter(\.onlyLooks).map(\.name) == ["status", "connections", "events"])
    }

    @Test("a reply survives the way over the socket")
    func replies() throws {
        let fault = TableFault(file: "t.yaml", line: 2, column: 3, key: "services.a", message: "no", severity: .warning)
        let replies = [
            ControlReply(.success(["a": 1]), id: "1"), ControlReply(.success(.null)),
            ControlReply(.failure(ControlError(.faults, "two faults", faults: [fault, fault])), id: 3),
        ]
        for reply in replies { #expect(try ControlReply(json: reply.json) == reply) }
        #expect(throws: JSONShapeError.self) { try ControlReply(json: ["id": 1]) }
        #expect(throws: JSONShapeError.self) { try ControlReply(json: ["error": ["code": "new", "message": ""]]) }
    }

    @Test("the codes are those of the contract")
    func codes() {
        let codes = ["bad_request", "unknown_method", "no_such_service", "not_allowed", "faults", "failed"]
        #expect(ControlError.Code.allCases.map(\.rawValue) == codes)
    }
}
