# What the environment asks of the machine: each value checked, or one line that says what is wrong with it.
# Plain Ruby as Vagrant brings it along on Linux, macOS and Windows; no gem, no shell.
require "rbconfig"

module PyctrLab
  # Vagrant prints the message of its own errors, and no traceback.
  class BadValue < Vagrant::Errors::VagrantError
    # In one line, however long or odd the value is.
    def self.of(name, value, meant)
      shown = value.length > 60 ? "#{value[0, 60]}..." : value
      new("#{name}=#{shown.inspect[1..-2]}: #{meant}")
    end

    def initialize(text)
      @text = text
      super()
    end

    def error_message
      @text
    end
  end

  # The values of the variables PYCTR_*; README.md of this folder lists them.
  class Settings
    PROVIDERS = %w[virtualbox libvirt qemu vmware_desktop parallels].freeze
    # An emulated processor on which numpy runs, and which KVM can use: a machine of lesson 02, inside this machine, boots
    # in 17 s instead of two minutes. Intel's extensions for that (VMX) are not emulated, AMD's (SVM) are.
    EMULATED = {
      model: "Opteron_G3",
      features: { "ssse3" => "require", "sse4.1" => "require", "sse4.2" => "require", "npt" => "require",
                  "misalignsse" => "disable" },
    }.freeze
    # Not rsync, which would overwrite the learner's files with the host's; not NFS, whose files Vagrant maps to uid 65534
    # and which VirtualBox offers on a private network only.
    SHARES = %w[virtiofs 9p smb virtualbox vmware parallels none].freeze

    def initialize(env, here)
      @env = env
      @here = here
    end

    # Every value, whether this provider needs it or not.
    def check
      %i[memory cpus port nodes uid provider driver cpu_model groups setup ca_file wheels debs].each { |name| send(name) }
      share_for("virtualbox")
      self
    end

    def memory
      whole("PYCTR_MEMORY", default: 2048, from: 512, to: 1_048_576, unit: "MiB")
    end

    # An emulated processor has no companion: machines of lesson 02 that ran on two of them at once ended in triple
    # faults, and took this machine with them (QEMU 7.2). And one is about as quick as two.
    def cpus(emulated: false)
      whole("PYCTR_CPUS", default: emulated ? 1 : 2, from: 1, to: 256, unit: "cores")
    end

    def port
      whole("PYCTR_PORT", default: 8888, from: 1024, to: 65_535, unit: "a port that needs no root")
    end

    # The course's own machine counts: 3 is the course and two workers.
    def nodes
      whole("PYCTR_NODES", default: 1, from: 1, to: 9, unit: "machines")
    end

    # Files in the shared folder fit the user of the host, where the host has such numbers.
    def uid
      own = windows? || Process.uid.zero? ? 1000 : Process.uid
      whole("PYCTR_UID", default: own, from: 100, to: 60_000, unit: "the number of an ordinary user")
    end

    def provider
      one_of("PYCTR_PROVIDER", PROVIDERS)
    end

    def driver
      one_of("PYCTR_DRIVER", %w[kvm qemu]) || (kvm? ? "kvm" : "qemu") # libvirt's daemon opens it, not you
    end

    def accelerator
      return "tcg" if windows? || text("PYCTR_DRIVER") == "qemu"
      return "hvf" if macos?

      kvm? && File.readable?("/dev/kvm") && File.writable?("/dev/kvm") ? "kvm" : "tcg" # it is you who opens it
    end

    # The type of the synced folder: what was asked for, or what the provider does best; nil is its own.
    def share_for(provider)
      one_of("PYCTR_SHARE", SHARES) || case provider
                                       when "libvirt" then "virtiofs"
                                       when "qemu" then macos? || windows? ? "smb" : "none"
                                       end
    end

    # How the learner's folder is shared, or nil where it is not.
    def folder_for(provider)
      type = share_for(provider)
      return if type == "none"

      folder = { id: "work", create: true, owner: uid, group: uid }
      folder[:type] = type if type
      folder[:smb_host] = "10.0.2.2" if type == "smb" && provider == "qemu" # its user network answers no ping
      folder
    end

    # qemu64 lacks instructions that numpy and matplotlib are compiled for.
    def cpu_model
      model = text("PYCTR_CPU_MODEL") || (arm64? ? "cortex-a72" : EMULATED.fetch(:model))
      return model unless model.start_with?("qemu", "kvm")

      raise BadValue.of("PYCTR_CPU_MODEL", model, "numpy does not run on it; Nehalem or newer does")
    end

    # What the emulated processor has besides, and what it lacks.
    def cpu_features
      cpu_model == EMULATED.fetch(:model) ? EMULATED.fetch(:features) : {}
    end

    def box
      text("PYCTR_BOX")
    end

    def box_version
      text("PYCTR_BOX_VERSION")
    end

    # Groups of packages.txt, the only list of them.
    def groups
      named = text("PYCTR_GROUPS") or return
      known = File.foreach(File.join(@here, "..", "packages.txt")).grep_v(/\A#/).map { |row| row[/\S+/] }.compact.uniq
      unknown = named.split - known
      return named if unknown.empty?

      raise BadValue.of("PYCTR_GROUPS", named, "packages.txt has no group #{unknown.first}; it has #{known.join(', ')}")
    end

    # Workers run containers, no lessons.
    def worker_memory
      [memory / 2, 512].max
    end

    def setup
      one_of("PYCTR_SETUP", %w[course test])
    end

    # Variables for provision.sh; the trigger adds what it finds out.
    def for_provisioning
      { "PYCTR_GROUPS" => groups, "PYCTR_SETUP" => setup, "PYCTR_UID" => uid.to_s }.compact
    end

    def ca_file
      path = text("PYCTR_CA_FILE") or return
      path = File.expand_path(path, @here)
      File.file?(path) ? path : raise(BadValue.of("PYCTR_CA_FILE", path, "there is no such file"))
    end

    def wheels
      folder("PYCTR_WHEELS", "bundle/wheels")
    end

    def debs
      folder("PYCTR_DEBS", "bundle/debs")
    end

    # Where Vagrant itself keeps what it knows of the machines.
    def state
      File.expand_path(text("VAGRANT_DOTFILE_PATH") || ".vagrant", @here)
    end

    # A box beside the clone, for rooms without internet: a file of the bundle.
    def box_file(provider)
      path = File.join(@here, "bundle", "boxes", "#{provider}-#{arm64? ? 'arm64' : 'amd64'}.box")
      path if File.file?(path)
    end

    def work
      File.expand_path(text("PYCTR_WORK") || "work", @here)
    end

    def arm64?
      RbConfig::CONFIG["host_cpu"].match?(/arm64|aarch64/)
    end

    def windows?
      RbConfig::CONFIG["host_os"].match?(/mswin|mingw|cygwin/)
    end

    def macos?
      RbConfig::CONFIG["host_os"].include?("darwin")
    end

    # A /dev/kvm on a processor that shows no such ability was seen to open, and no guest to run.
    def kvm?
      File.exist?("/dev/kvm") && (arm64? || File.read("/proc/cpuinfo").match?(/^flags.* (vmx|svm)( |$)/))
    end

    private

    # Empty is as good as unset.
    def text(name)
      value = @env.fetch(name, "").strip
      value.empty? ? nil : value
    end

    def whole(name, default:, from:, to:, unit:)
      value = text(name) or return default
      return value.to_i if value.match?(/\A[0-9]{1,9}\z/) && value.to_i.between?(from, to)

      raise BadValue.of(name, value, "a whole number from #{from} to #{to} is meant (#{unit})")
    end

    def one_of(name, words)
      value = text(name)
      return value if value.nil? || words.include?(value)

      raise BadValue.of(name, value, "one of #{words.join(', ')} is meant")
    end

    # A folder that was named must be there; the usual one may be.
    def folder(name, usual)
      named = text(name)
      return if named == "none"

      path = File.expand_path(named || usual, @here)
      return path if File.directory?(path)

      raise BadValue.of(name, path, "there is no such folder") if named
    end
  end
end
