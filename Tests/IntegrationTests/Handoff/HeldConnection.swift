import TestSupport

/// A client of the service `front` whose connection its handler holds.
struct HeldConnection {
    let client: TestSocket
    let front: RegisteredHandler
    let baton: ReceivedBaton

    init(_ supervisor: RunningSupervisor) throws {
        front = try RegisteredHandler("front", at: supervisor)
        client = try TestSocket.tcp(port: supervisor.port("front"))
        baton = try front.receiveBaton()
        try front.acknowledge(baton.id)
    }

    /// `front` may give connections on to everybody but `closed`.
    static let table = """
        services:
          front: {listen: "127.0.0.1:0", handoff: {heartbeat: false, pass_to: [back, front, cat, echo]}}
          back: {handoff: {heartbeat: false, queue: {size: 1}, pass_to: [front]}, listen: "127.0.0.1:0"}
          closed: {handoff: {heartbeat: false}, listen: "127.0.0.1:0"}
          cat: {exec: [cat]}
          echo: {internal: echo}
        """
}
