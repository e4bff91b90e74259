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
    final class Layout {
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
    func layout(_ openFiles: ResourceLimits.Pair) -> Layout? {
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

    /// Where the child finds its descriptors.
    ///
    /// - Parameter passed: What `.passed` ones stand for.
    /// - Returns: False when one is a file, or none.
    func find(
        _ passed: UnsafeMutableBufferPointer<Int32>, _ wanted: UnsafeMutableBufferPointer<baton_spawn_descriptor>
    ) -> Bool {
        guard descriptors.count <= SpawnLimit.mostDescriptors else { return false }
        for (place, descriptor) in descriptors.enumerated() {
            let source: Int32
            switch descriptor {
            case .passed(let index) where passed.indices.contains(index): source = unsafe passed[index]
            case .null: source = BATON_SOURCE_NULL
            case .passed, .file: return false
            }
            unsafe wanted.initializeElement(at: place, to: baton_spawn_descriptor(source: source, file: 0))
        }
        return true
    }

    /// What stands behind the template's environment, and is counted in `plan` from now on.
    ///
    /// - Parameter end: Of the template's bytes.
    /// - Returns: Nil for what cannot be an environment: `SpawnPlan.encode` says why.
    func more(_ plan: inout baton_spawn_plan, behind end: Int) -> EnvironmentBlock? {
        let announced =
            announcesListenPID ? SpawnImage.listenPIDName.utf8.count + SpawnImage.listenPIDRoom.utf8.count + 1 : 0
        guard !environment.isBroken, end + environment.bytes.count + announced <= SpawnLimit.mostBytes else {
            return nil
        }
        plan.descriptor_count = UInt32(descriptors.count)
        plan.environment_count += UInt32(environment.count)
        guard announcesListenPID else { return environment }
        var more = environment
        more.append(SpawnImage.listenPIDName + SpawnImage.listenPIDRoom)
        plan.environment_count += 1
        plan.flags |= BATON_SPAWN_LISTEN_PID
        plan.listen_pid = UInt32(end + more.bytes.count - SpawnImage.listenPIDRoom.utf8.count - 1)
        return more
    }
}
