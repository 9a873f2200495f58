# What goes to the machine and what the host keeps ready for it: the course in one file, the learner's folder, a free port.
require "digest"
require "fileutils"
require "find"
require "rubygems/package"
require "socket"

module PyctrLab
  # What git does not know, and what belongs to this host alone.
  LEFT_OUT = %w[.git .venv .venv.lock .venv.log artefacts build dist node_modules __pycache__ .vagrant .ipynb_checkpoints
                .virtual_documents .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .grimp_cache
                vagrant/work vagrant/bundle vagrant/box].freeze
  BUNDLES = "vagrant/bundle-".freeze # those for other processors

  # Providers whose forwarded ports listen on all addresses of the host: their rules have no place for one.
  TUNNELLED = %w[vmware_desktop parallels].freeze

  module_function

  # A tar of the clone, the same bytes for the same files; written aside and then put in place.
  def pack(top, tar)
    FileUtils.mkdir_p(File.dirname(tar))
    aside = "#{tar}.#{Process.pid}-#{Thread.current.object_id}" # several machines come up at once
    File.open(aside, "wb") do |file|
      Gem::Package::TarWriter.new(file) { |writer| course_files(top).each { |name| add(writer, top, name) } }
    end
    File.rename(aside, tar)
  end

  def course_files(top)
    names = []
    Find.find(top) do |path|
      name = path.delete_prefix("#{top}/")
      Find.prune if left_out?(name)
      names << name if File.file?(path) && !File.symlink?(path)
    end
    names.sort
  end

  def left_out?(name)
    LEFT_OUT.include?(name) || LEFT_OUT.include?(File.basename(name)) || name.start_with?(BUNDLES) ||
      name.end_with?(".pyc", ".egg-info", ".box")
  end

  # Windows knows no executable files: a script is what begins like one.
  def add(writer, top, name)
    content = File.binread(File.join(top, name))
    writer.add_file(name, content.start_with?("#!") ? 0o755 : 0o644) { |file| file.write(content) }
  end

  # Made by root, it must still be the learner's.
  def make_work_folder(folder, uid)
    FileUtils.mkdir_p(folder)
    File.chown(uid, uid, folder) if Process.uid.zero?
  end

  # A machine that runs, or sleeps with its ports, keeps its port; any other takes the first that is free. Not kept in
  # the machine's own folder, which Vagrant empties when it makes one.
  def settle_port(machine, wanted)
    memory = machine.env.local_data_path.join("pyctr-port")
    return memory.read.to_i if %i[running saved].include?(machine.state.id) && memory.file?

    port = free_port(wanted)
    machine.ui.warn("Port #{wanted} of this host is taken: the course will be at port #{port}.") if port != wanted
    memory.write(port.to_s)
    port
  end

  def free_port(wanted)
    last = [wanted + 99, 65_535].min
    (wanted..last).find { |port| free?(port) } ||
      raise(BadValue.of("PYCTR_PORT", wanted.to_s, "it and all ports up to #{last} are taken on this host"))
  end

  def free?(port)
    TCPSocket.new("127.0.0.1", port).close
    false
  rescue SystemCallError # no listener; may we bind?
    begin
      TCPServer.new("127.0.0.1", port).close
      true
    rescue SystemCallError
      false
    end
  end

  # Into the settings that Vagrant has already read, and into the same hashes: where a box has first to be added, Vagrant
  # makes its settings anew of them.
  def use_port(machine, port)
    machine.config.vm.networks.each { |_type, options| options[:host] = port if options[:id] == "jupyter" }
    values = { "PYCTR_PORT" => port.to_s, "PYCTR_DOOR" => behind_nat?(machine) ? "yes" : "no",
               "PYCTR_TUNNEL" => TUNNELLED.include?(machine.provider_name.to_s) ? "yes" : "no" }
    machine.config.vm.provisioners.each do |provisioner|
      provisioner.config.env.merge!(values) if provisioner.type == :shell
    end
  end

  # There the port arrives at the network card; libvirt's, like any tunnel through ssh, arrives on loopback.
  def behind_nat?(machine)
    %w[virtualbox qemu].include?(machine.provider_name.to_s)
  end

  # A few letters for a clone, the same each time.
  def mark(folder)
    Digest::SHA256.hexdigest(folder)[0, 6]
  end

  # The highest number of a worker, requested or made before.
  def workers(state, nodes)
    made = Dir.glob(File.join(state, "machines", "worker*", "*", "id")).map { |path| path[/worker([0-9]+)/, 1] }
    [nodes - 1, *made.map(&:to_i)].max
  end

  def send_files(machine, tar, asked)
    { tar => "/tmp/pyctr_lab.tar", asked.wheels => "/tmp/pyctr-wheels", asked.debs => "/tmp/pyctr-debs",
      asked.ca_file => "/tmp/pyctr-ca.pem" }.each do |source, place|
      machine.vm.provision place, type: "file", source: source, destination: place if source
    end
  end

  # Before the machine comes up or is provisioned: what is fresh on the host goes with it.
  def prepare(machine, top, tar, asked)
    if asked.nodes > 1 && machine.provider_name == :qemu
      raise BadValue.of("PYCTR_NODES", asked.nodes.to_s, "QEMU's plugin has no private network; libvirt's has one")
    end
    pack(top, tar)
    keep_work(machine, asked)
    use_port(machine, settle_port(machine, asked.port))
  end

  def keep_work(machine, asked)
    return make_work_folder(asked.work, asked.uid) if asked.folder_for(machine.provider_name.to_s)

    machine.ui.warn("No folder of this host is shared: what you write lives in the machine, and ends with it.")
  end
end
