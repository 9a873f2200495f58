# Stand-ins for the plugins of providers that Debian does not package, so that `vagrant validate` sees a wrong word in
# their blocks. Only their settings are real: the names that each plugin's config.rb declares (vagrant-qemu, vagrant-
# parallels, vagrant-vmware-desktop 3). Read by the test alone, as the Vagrantfile of its VAGRANT_HOME.
require "json"

module StandIn
  # In place of a machine that comes up: what it would have been made with.
  class Show
    def initialize(app, _env)
      @app = app
    end

    def call(env)
      vm = env[:machine].config.vm
      port = vm.networks.find { |_type, options| options[:id] == "jupyter" }.last
      told = vm.provisioners.select { |provisioner| provisioner.type == :shell }.map { |shell| shell.config.env }
      puts JSON.generate("port" => port, "told" => told)
      @app.call(env)
    end
  end

  # In place of a box that has first to be added: Vagrant reads the machine's settings anew then, those of the box among
  # them, and lets go of the ones it had (HandleBox).
  class AddBox
    def initialize(app, _env)
      @app = app
    end

    def call(env)
      old = env[:machine]
      fresh = old.vagrantfile.machine(old.name, old.provider_name, old.env.boxes, old.data_dir, old.env)
      old.box, old.config, old.provider_config = fresh.box, fresh.config, fresh.provider_config
      @app.call(env)
    end
  end

  ACTIONS = { up: Vagrant::Action::Builder.new.tap { |builder| [AddBox, Show].each { |each| builder.use(each) } } }.freeze

  class Provider < Vagrant.plugin("2", :provider)
    def self.usable?(_raise_error = false)
      true
    end

    def initialize(machine)
      super
      @machine = machine
    end

    def action(name)
      ACTIONS[name]
    end

    def state
      Vagrant::MachineState.new(:not_created, "not created", "not created")
    end
  end

  # Any word that is not declared is noted by Vagrant's own config class, and told by validate.
  class Config < Vagrant.plugin("2", :config)
    def validate(_machine)
      { self.class.name => _detected_errors }
    end
  end

  class Qemu < Config
    attr_accessor :ssh_host, :ssh_port, :ssh_auto_correct, :arch, :machine, :cpu, :smp, :memory, :net_device,
                  :drive_interface, :image_path, :qemu_bin, :qemu_dir, :disk_resize, :extra_qemu_args,
                  :extra_netdev_args, :extra_drive_args, :control_port, :debug_port, :no_daemonize, :firmware_format,
                  :other_default, :extra_image_opts, :numactl_args
  end

  class Parallels < Config
    attr_accessor :check_guest_tools, :destroy_unused_network_interfaces, :functional_psf, :linked_clone,
                  :linked_clone_snapshot, :name, :regen_src_uuid, :update_guest_tools
    attr_writer :memory, :cpus

    def customize(*_command) = nil
    def network_adapter(_slot, _type, **_options) = nil
  end

  class Vmware < Config
    attr_accessor :allowlist_verified, :base_address, :base_mac, :clone_directory, :enable_vmrun_ip_lookup,
                  :force_vmware_license, :functional_hgfs, :gui, :linked_clone, :nat_device,
                  :port_forward_network_pause, :shared_folder_special_char, :ssh_info_public, :unmount_default_hgfs,
                  :utility_host, :utility_port, :utility_certificate_path, :verify_vmnet, :vmx
    attr_writer :memory, :cpus

    def network_adapter(_slot, _type, _options = nil) = nil
  end

  class Plugin < Vagrant.plugin("2")
    name "stand-in"
    { qemu: Qemu, parallels: Parallels, vmware_desktop: Vmware }.each do |word, settings|
      provider(word) { Provider }
      config(word, :provider) { settings }
    end
  end
end

# VirtualBox's settings are a part of Vagrant, and libvirt's are those of the real plugin, if it is here: only the program
# or daemon behind them may be missing.
module NothingBehind
  def self.prepended(provider)
    provider.define_singleton_method(:usable?) { |_raise_error = false| true }
  end

  def initialize(machine)
    @machine = machine
  end

  def machine_id_changed; end

  def action(name)
    StandIn::ACTIONS[name]
  end

  def state
    Vagrant::MachineState.new(:not_created, "not created", "not created")
  end
end

require Vagrant.source_root.join("plugins/providers/virtualbox/provider").to_s
VagrantPlugins::ProviderVirtualBox::Provider.prepend(NothingBehind)
if Vagrant.has_plugin?("vagrant-libvirt")
  require "vagrant-libvirt/provider"
  VagrantPlugins::ProviderLibvirt::Provider.prepend(NothingBehind)
  # It would ask the daemon for its version.
  require "vagrant-libvirt/cap/synced_folder_virtiofs"
  VagrantPlugins::SyncedFolderVirtioFS::SyncedFolder.class_eval { def usable?(*) = true }
end

Vagrant.configure("2") { |_config| }
