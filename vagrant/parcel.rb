# What goes to the machine and what the host keeps ready for it: the course in one file, the learner's folder, a free port.
require "fileutils"
require "find"
require "rubygems/package"
require "socket"

module PyctrLab
  # What git does not know, and what belongs to this host alone.
  LEFT_OUT = %w[.git .venv .venv.lock .venv.log artefacts build dist node_modules __pycache__ .vagrant .ipynb_checkpoints
                .virtual_documents .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .grimp_cache
                vagrant/work vagrant/bundle vagrant/box].freeze

  module_function

  # A tar of the clone, the same bytes for the same files; written aside and then put in place.
  def pack(top, tar)
    FileUtils.mkdir_p(File.dirname(tar))
    File.open("#{tar}.new", "wb") do |file|
      Gem::Package::TarWriter.new(file) { |writer| course_files(top).each { |name| add(writer, top, name) } }
    end
    FileUtils.mv("#{tar}.new", tar)
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
    LEFT_OUT.include?(name) || LEFT_OUT.include?(File.basename(name)) || name.end_with?(".pyc", ".egg-info", ".box")
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

  # A machine that runs keeps its port; any other takes the first that is free.
  def settle_port(machine, wanted)
    memory = machine.data_dir.join("pyctr-port")
    return memory.read.to_i if machine.state.id == :running && memory.file?

    port = free_port(wanted)
    machine.ui.warn("Port #{wanted} of this host is taken: the course will be at port #{port}.") if port != wanted
    memory.write(port.to_s)
    port
  end

  def free_port(wanted)
    last = [wanted + 99, 65_535].min
    (wanted..last).find { |port| free?(port) } ||
      raise(BadValue, "PYCTR_PORT=#{wanted}: it and all ports up to #{last} are taken on this host")
  end

  def free?(port)
    TCPSocket.new("127.0.0.1", port).close
    false
  rescue SystemCallError # nobody answers; may we?
    begin
      TCPServer.new("127.0.0.1", port).close
      true
    rescue SystemCallError
      false
    end
  end

  # Into the settings that Vagrant has already read.
  def use_port(machine, port)
    machine.config.vm.networks.each { |_type, options| options[:host] = port if options[:id] == "jupyter" }
    machine.config.vm.provisioners.each do |provisioner|
      next unless provisioner.type == :shell

      # Behind a NAT the port arrives at the network card; libvirt's is a tunnel that arrives on loopback.
      door = machine.provider_name == :libvirt ? "no" : "yes"
      provisioner.config.env = provisioner.config.env.merge("PYCTR_PORT" => port.to_s, "PYCTR_DOOR" => door)
    end
  end
end
