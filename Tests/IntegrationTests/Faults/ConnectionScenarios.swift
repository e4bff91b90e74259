import Foundation
import TestSupport

/// What is done within the supervisor.
extension FaultScenario {
    static let echo = FaultScenario(
        name: "echo", table: "services: {echo: {listen: '127.0.0.1:0', internal: echo}}"
    ) { try echo(at: $0.port("echo")) }

    static let datagram = FaultScenario(
        name: "datagram", table: "services: {echo: {listen: 'udp://127.0.0.1:0', internal: echo}}"
    ) { try exchangeDatagrams(port: $0.port("echo")) }

    static let redirect = FaultScenario(
        name: "redirect",
        table: """
            services:
              relay: {listen: "127.0.0.1:0", redirect: "127.0.0.1:PORT"}
              target: {listen: "127.0.0.1:PORT", internal: echo}
            """
    ) { try echo(at: $0.port("relay")) }

    static let route = FaultScenario(
        name: "route",
        table: """
            services:
              front:
                listen: "127.0.0.1:0"
                route: {rules: [{match: {prefix: hello}, to: cat}], default: echo}
              cat: {exec: [/bin/cat]}
              echo: {internal: echo}
            """
    ) { supervisor in
        try echo(at: supervisor.port("front"))
        try echo("other", at: supervisor.port("front"))
    }

    static let multiplexer = FaultScenario(
        name: "tcpmux",
        table: """
            services:
              mux: {listen: "127.0.0.1:0", internal: tcpmux}
              mirror: {internal: echo, tcpmux: +mirror}
            """
    ) { supervisor in
        let client = try TestSocket.tcp(port: supervisor.port("mux"))
        try client.send("mirror\r\nhello")
        try expect(client.receiveLine() == "+Go\r")
        try expect(client.receive(exactly: 5) == Array("hello".utf8))
    }

    static let names = FaultScenario(
        name: "names",
        table: """
            services: {echo: {listen: "127.0.0.1:0", internal: echo, only_from: [localhost, .localdomain.test]}}
            """
    ) { try echo(at: $0.port("echo")) }

    static let internals = FaultScenario(
        name: "internal services",
        table: """
            services:
              time: {listen: ["127.0.0.1:0", "udp://127.0.0.1:0"], internal: daytime}
              letters: {listen: ["127.0.0.1:0", "udp://127.0.0.1:0"], internal: chargen}
              nothing: {listen: ["127.0.0.1:0", "udp://127.0.0.1:0"], internal: discard}
            """
    ) { supervisor in
        try expect(!TestSocket.tcp(port: supervisor.port("time")).receiveToEnd().isEmpty)
        let letters = try TestSocket.tcp(port: supervisor.port("letters"))
        try expect(letters.receive(exactly: 200_000).count == 200_000)
        letters.close()
        let nothing = try TestSocket.tcp(port: supervisor.port("nothing"))
        try nothing.send("hello")
        try nothing.finishSending()
        try expect(nothing.receiveToEnd().isEmpty)
        try TestSocket.udp(port: supervisor.port("nothing", listener: 1)).send("hello")
        for name in ["time", "letters"] {
            try exchangeDatagrams("hello", nil, port: supervisor.port(name, listener: 1))
        }
    }
}
