internal import ControlProtocol
internal import LinuxSystem

/// Whose metrics they are.
protocol MetricsSource: AnyObject {
    /// What is said of the supervisor as a whole.
    var metrics: MetricsText.Supervisor { get }
    var services: [ActiveService] { get }
}

/// Renders the metrics, so many services in a round that ten thousand of them do not hold up the loop.
final class MetricsReport {
    private let loop: EventLoop
    weak var source: (any MetricsSource)?
    /// Who asked since the rendering under way began: they get the next one.
    private var waiting: [(MetricsPage) -> Void] = []
    private var rendering: Rendering?

    private struct Rendering {
        var text = MetricsText()
        /// Still to come.
        var services: ArraySlice<ActiveService>
        var isHealthy = true
        let asked: [(MetricsPage) -> Void]
    }

    /// Services in a round: about a millisecond of work.
    private static let portion = 100

    init(loop: EventLoop) {
        self.loop = loop
    }

    /// Calls `done` once, now or in a later round, with the metrics as they were after this call.
    func render(_ done: @escaping (MetricsPage) -> Void) {
        waiting.append(done)
        begin()
    }

    private func begin() {
        guard rendering == nil, !waiting.isEmpty, let source else { return }
        rendering = Rendering(services: source.services[...], asked: waiting)
        waiting = []
        goOn()
    }

    private func goOn() {
        let portion = rendering?.services.prefix(Self.portion) ?? []
        for service in portion {
            let status = service.status
            if !status.problems.isEmpty { rendering?.isHealthy = false }
            rendering?.text.add(status)
        }
        rendering?.services.removeFirst(portion.count)
        if rendering?.services.isEmpty == true { finish() } else { loop.afterThisRound { [self] in goOn() } }
    }

    private func finish() {
        guard var rendered = rendering, let source else { return }
        rendering = nil
        rendered.text.add(source.metrics, isHealthy: rendered.isHealthy)
        let page = MetricsPage(rendered.text.bytes)
        for done in rendered.asked { done(page) }
        if !waiting.isEmpty { loop.afterThisRound { [self] in begin() } }
    }
}

/// The metrics of one moment.
final class MetricsPage {
    let text: [UInt8]
    private var file: DescriptorBox?

    init(_ text: [UInt8]) {
        self.text = text
    }

    /// The text in a sealed file, which everybody who asks shares; nil when there is no descriptor or memory for it.
    func sealed() -> DescriptorBox? {
        if file == nil, let sealed = try? OwnedDescriptor.sealedFile(text, name: "baton-metrics") {
            file = DescriptorBox(sealed)
        }
        return file
    }
}
