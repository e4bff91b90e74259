internal import CLinux

/// What all starts of a program have in common, laid out once.
package final class SpawnTemplate {
    /// Of descriptors it may have files: what a permit lets through (`SpawnPermit`).
    package let plan: SpawnPlan
    /// From the first start on; nil in it: the plan cannot be an image.
    private var layout: Layout??

    package init(_ plan: SpawnPlan) {
        self.plan = plan
    }

    /// The plan without descriptors as an image, and the bytes that it was read from.
    fileprivate final class Layout {
        let image: SpawnImage
        let bytes: [UInt8]

        init?(_ plan: SpawnPlan, _ openFiles: ResourceLimits.Pair) {
            var plan = plan
            plan.descriptors = []
            plan.announcesListenPID = false
            var bytes: [UInt8] = []
            guard (try? plan.encode(into: &bytes)) != nil,
                var image = SpawnImage(decoding: bytes, from: 0, to: bytes.count)
            else { return nil }
            image.limitOpenFiles(to: openFiles)
            self.image = image
            self.bytes = bytes
        }
    }

    /// - Parameter openFiles: Of this process: always the same.
    fileprivate func layout(_ openFiles: ResourceLimits.Pair) -> Layout? {
        if let layout { return layout }
        let made = Layout(plan, openFiles)
        layout = .some(made)
        return made
    }
}

/// One start of a program: its template, and what is said of this start alone.
package struct SpawnStart {
    package let template: SpawnTemplate
    package var descriptors: [SpawnPlan.DescriptorSource]
    /// Behind the environment of the template.
    package var environment: EnvironmentBlock
    /// See `SpawnPlan`.
    package var announcesListenPID: Bool

    package init(
        _ template: SpawnTemplate, descriptors: [SpawnPlan.DescriptorSource],
        environment: EnvironmentBlock = EnvironmentBlock(), announcesListenPID: Bool = false
    ) {
        self.template = template
        self.descriptors = descriptors
        self.environment = environment
        self.announcesListenPID = announcesListenPID
    }

    /// Of a program that is not started often.
    package init(_ plan: SpawnPlan) {
        self.init(
            SpawnTemplate(plan), descriptors: plan.descriptors, announcesListenPID: plan.announcesListenPID)
    }

    /// As a launcher gets it.
    package var plan: SpawnPlan {
        var plan = template.plan
        plan.descriptors = descriptors
        plan.environment += environment
        plan.announcesListenPID = announcesListenPID
        return plan
    }

    /// The image of the plan, as long as it has no files, made in `bytes`, which keep their room from one to the next.
    ///
    /// - Parameter openFiles: RLIMIT_NOFILE of what the plan sets none for; always the same in one process.
    /// - Returns: Nil for what cannot be an image: `SpawnPlan.encode` says why.
    package func image(in bytes: inout [UInt8], openFiles: ResourceLimits.Pair) -> SpawnImage? {
        bytes.removeAll(keepingCapacity: true)
        guard let layout = template.layout(openFiles), !environment.isBroken,
            descriptors.count <= SpawnLimit.mostDescriptors
        else { return nil }
        var image = layout.image
        bytes += layout.bytes
        image.plan.descriptor_count = UInt32(descriptors.count)
        image.descriptors.reserveCapacity(descriptors.count)
        for descriptor in descriptors {
            switch descriptor {
            case .passed(let index): image.descriptors.append(baton_spawn_descriptor(source: Int32(index), file: 0))
            case .null: image.descriptors.append(baton_spawn_descriptor(source: BATON_SOURCE_NULL, file: 0))
            case .file: return nil
            }
        }
        image.append(environment, to: &bytes)
        if announcesListenPID { image.announceListenPID(in: &bytes) }
        return bytes.count <= SpawnLimit.mostBytes ? image : nil
    }
}

extension SpawnImage {
    fileprivate mutating func append(_ environment: EnvironmentBlock, to bytes: inout [UInt8]) {
        let start = UInt32(bytes.count)
        strings.reserveCapacity(strings.count + environment.count + 1)
        for offset in environment.starts { strings.append(start + offset) }
        plan.environment_count += UInt32(environment.count)
        bytes += environment.bytes
    }

    fileprivate mutating func announceListenPID(in bytes: inout [UInt8]) {
        var variable = EnvironmentBlock()
        variable.append(Self.listenPIDName + Self.listenPIDRoom)
        append(variable, to: &bytes)
        plan.flags |= BATON_SPAWN_LISTEN_PID
        plan.listen_pid = UInt32(bytes.count - Self.listenPIDRoom.utf8.count - 1)
    }
}
