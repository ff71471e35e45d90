/* hints_belief.c - words that hint at a union, a belief, politics. Pure data.
 *
 * Read by hints.c, which says how a word is written here. A hint is no finding: statement.c judges
 * the sentence that it stands in. English, German, French, Spanish, Italian, Portuguese, Dutch,
 * Polish, Czech and Slovak, Romanian, Swedish, Danish and Norwegian, Finnish, Hungarian.
 */
#include "policy/policy.h"
#include "policy/words/hints.h"

const struct pol_hint_words pol_hints_belief[] = {
    {POL_SPECIAL_UNION, 1,
     "union official|union secretary|union activist|unionised|unionized|union dues|union "
     "card|union branch|works for the union|unison member|member of unison|member of unite|gmb "
     "member|member of the gmb|member of verdi|shop-steward|active in the union|active in his "
     "union|active in her union|union since|left the union|belongs to a trade union|belongs to a "
     "union|belongs to the union|member of solidarity|collective bargaining delegate|strike "
     "leader|strike committee|went on strike|took part in the strike|trade unionist|in the "
     "union|union membership|union's|union representative "
     "on|gewerkschaftlich*|gewerkschaftsmitglied*|gewerkschaftsbeitrag*|gewerkschaftsbeiträge|"
     "gewerkschaftsfunktionär*|gewerkschaftssekretär*|gewerkschaftsvertreter*|"
     "gewerkschaftsaktivist*|gewerkschafter*|gewerkschaftsausweis|vertrauensmann|vertrauensfrau|"
     "vertrauensleute*|in der gewerkschaft|der gewerkschaft bei|aus der gewerkschaft|gewerkschaft "
     "nahrung*|ig metall|ig-metall*|ig bau|ig bce|verdi-mitglied*|ver.di-mitglied*|ver.di|bei der "
     "gew"},
    {POL_SPECIAL_UNION, 1,
     "mitglied der gew|mitglied der gdl|unia-mitglied*|ögb-mitglied*|beim ögb|betriebsgruppe "
     "der|streikt*|streikleitung|am streik|am warnstreik|syndicaliste*|syndiqu*|syndicat depuis|au "
     "syndicat|du syndicat|dans un syndicat|d'un syndicat|carte syndicale|cotisation "
     "syndicale|cotisations syndicales|mandat syndical|activité syndicale|activités "
     "syndicales|engagement syndical|appartenance syndicale|militant syndical|militante "
     "syndicale|responsable syndical*|représentant syndical|représentante syndicale|section "
     "syndicale|adhérent cgt|adhérente cgt|adhérent à la cgt|adhérente à la cgt|adhérent de la "
     "cfdt|adhérente de la cfdt|à la cgt|à la cfdt|de la cgt|de la cfdt|chez fo|force "
     "ouvrière|sud-solidaires|solidaires|cftc|cfe-cgc|fgtb|gréviste*|a fait grève|en grève|piquet "
     "de grève|sindacalist*|sindacal*|tessera sindacale|tesserato cgil|tesserata cgil|tessera "
     "della cgil|tessera della cisl|iscritt* alla cgil"},
    {POL_SPECIAL_UNION, 1,
     "iscritta alla fiom|iscritto alla fiom|iscritta alla uil|cgil|cisl|fiom|cobas|al "
     "sindacato|del sindacato|nel sindacato|ha scioperato|in sciopero|allo "
     "sciopero|sindical*|sindicato desde|al sindicato|del sindicato|en el sindicato|en un "
     "sindicato|a un sindicato|comisiones obreras|ccoo|ugt|csif|cgt|carné sindical|carnet "
     "sindical|cuota sindical|afiliación sindical|liberado sindical|liberada sindical|enlace "
     "sindical|comité de empresa por|en huelga|huelguista|secundó la "
     "huelga|sindicalizad*|sindicaliz*|ao sindicato|do sindicato|no sindicato|num "
     "sindicato|cgtp|quota sindical|quotas sindicais|dirigente sindical|delegad* sindical|em "
     "greve|fez greve|aderiu à greve|grevista|vakbonds*|vakbond*|bij de vakbond|van de "
     "vakbond|fnv|cnv|abvv|van de fnv|bij de fnv"},
    {POL_SPECIAL_UNION, 1,
     "vakbondsman|vakbondsvrouw|vakbondscontributie|vakbondswerk|kaderlid|staakte|stakende|in "
     "staking|stakingsleider|związkow*|związku zawodow*|związkiem zawodow*|związki "
     "zawodow*|związek zawodow*|nszz|opzz|solidarnoś*|zakładow* solidarno*|zakładowej "
     "organizacji|legitymację związkową|składki związkowe|składkę związkową|składek "
     "związkowych|związkowiec|związkowc*|związkowczyni*|strajk*|znp|odbor*|odborář*|odborov*|v "
     "odborech|do odborů|člen odbor*|členk* odbor*|odborovej|odbory|v odboroch|do "
     "odborov|stávk*|stávkov*|sindicalist*|sindicat*|membru de sindicat|lider de sindicat|lideră "
     "de sindicat|cotizația de sindicat|cotizație "
     "sindicală|grevă|grevist*|fackföreningsmedlem*|fackförening*|fackförbund*|fackmedlem*|"
     "fackligt aktiv*|facklig*|fackligt|facket|fackombud|skyddsombud för"},
    {POL_SPECIAL_UNION, 1,
     "medlem i if metall|if metall|kommunal|medlem i "
     "unionen|strejk*|fagforening*|fagforbund*|fagligt aktiv*|fagorganis*|fagligt "
     "organisere*|faglig "
     "organisere*|tillidsmand*|tillidskvinde|tillidsrepr*|tillitsvald*|tillitsvalg*|klubbleder*|"
     "medlem av lo|medlem af 3f|hk-medlem|medlem i "
     "fellesforbundet|fellesforbundet|streik*|ammattiliit*|ammattiosasto*|ammattiyhdist*|liiton "
     "jäsen*|luottamusmie*|luottamushenkil*|luottamusvaltuu*|pääluottamus*|jäsenmaksu*|lakko*|"
     "lakon|lakossa|paminjäsen|szakszervezet*|szakszervezeti*|bizalmi*|sztrájk*|piquet*|"
     "ondernemingsraad|solidarności|fagligt "
     "hverv|betriebsrat*|huelga*|greve*|CGT|CFDT|UNSA|CFTC|CFE-CGC|CGIL|CISL|FIOM|USB|UGL|RSU|RSA|"
     "CCOO"},
    {POL_SPECIAL_UNION, 1,
     "UGT|USO|CSIF|CNT|CGTP|SINDEL|STAL|FNV|CNV|ABVV|ACV|ACLVB|OPZZ|NSZZ|ZNP|KOVO|ČMKOS|OS "
     "KOVO|GMB|RMT|UCU|NUT|NEU|NASUWT|PCS|TSSA|IGBCE|IG BAU|IG "
     "BCE|NGG|EVG|GDL|GEW|DGB|DBB|ÖGB|VPOD|UNIA|3F|FOA|DJØF|TCO|SACO|BNS|VDSZ|MSZOSZ|syndical*|"
     "syndicat*|union rep*|union meeting*|union member*|union steward*|union subs|joined the "
     "union|union activit*|trade union*|gewerkschaft*|verdi|betriebsratsmitglied*|betriebsrätin"},
    {POL_SPECIAL_UNION, 1,
     "streikposten|gestreikt|staker*|gestaakt|związk* "
     "zawodow*|fackfören*|fackförb*|fackpamp*|fackordför*|klubbordför*|fagforen*|fagligt "
     "arbejde|faglige hverv|szakszervezetis|tagdíjat|greva*|faisait "
     "grève|piquete*|huelguist*|esquirol*|scioper*|fura-greves|picket*|scab|základní "
     "organizac*|tajemník odbor*|liderul de sindicat|shop steward*|work council member"},
    {POL_SPECIAL_UNION, 0,
     "on "
     "strike|union|unions|syndicat|sindacato|sindicato|sindicatul*|fagforbund|gewerkschaft|picket|"
     "picket "
     "line|piquete|picchetto|piket*|pikiet*|pichet|stakerspost|streikpost*|blokadevagt|strejkvakt*|"
     "sztrájkőr*|walkout|walked out|the union|union of|national union "
     "of|unison|usdaw|gmb|nasuwt|rmt|aslef|unite rep|unite member|unite branch|facility "
     "time|ballot|igbce|evg|gdl|gew|dgb|ngg|urabstimmung|tarifkommission|streikkasse|cfdt|unsa|cse|"
     "élue au cse|élu au cse|délégation|heures de délégation|comisiones|horas sindicales|sección "
     "sindical|comité de empresa|usb|ugl|rsu"},
    {POL_SPECIAL_UNION, 0,
     "vakbond|de bond|kaderlid*|or-lid|solidarność|sierpniu 80|sierpień 80|do związku|na "
     "związek|ze związku|w związku zawod*|deklaracje do "
     "związku|składk*|sindel|fesap|quota|quotas|čmkos|kovo|kova|unionen|handels|fackavgift*|"
     "skyddsomb*|klubbordf*|3f|foa|djøf|dansk metal|sygeplejeråd|faglig* hverv|kontingent "
     "til|tillidsrep*|tillidsmand|tillidshverv|cartel "
     "alfa|bns|frăția|cotizați*|vasas*|mszosz|szakszerv*|bizalmi|tagdíj*|works "
     "council|personalrat*|comité d'entreprise|member of the works|contribut* sindac*|quota "
     "sindac*|trattenuta sindac*|collective dispute|arbeitskampf*|strike pay|strike "
     "fund|grève*|sciopero|scioperant*|greva|fagklub*"},
    {POL_SPECIAL_UNION, 0,
     "fackklub*|fackklubb*|komisji zakładow*|pikiec*|works as branch secretary|branch "
     "secretary|secrétaire de section|segretario della sezione|secretario de la "
     "sección|gewerkschafts*|ortsvorstand|bestuurder van de "
     "bond|FO|SUD|UIL|ELA|LAB|CIG|HK|LO|LIGA|grev*"},
    {POL_SPECIAL_RELIGION, 1,
     "muslima|islam|islamic faith|muslim faith|jewish faith|catholic faith|christian faith|hindu "
     "faith|convert to islam|convert to judaism|born-again|born again "
     "christian|devout*|practising*|practicing catholic|lapsed "
     "catholic|pious|baptist|methodist|anglican|presbyterian|pentecostal|quaker|lutheran|"
     "evangelical|adventist|jehovah's witness*|scientolog*|latter-day saint*|orthodox "
     "jew*|orthodox|ultra-orthodox|shia|sunni|zoroastrian|baha'i|jain|taoist|pagan|wiccan|agnostic|"
     "humanist|non-religious|non-believer|freemason|bar mitzvah|bat mitzvah|first "
     "communion|confirmation class|communion|rosary|synagogue|mosque|gurdwara|hindu temple|kingdom "
     "hall|parish council|parishion*|congregation|church choir"},
    {POL_SPECIAL_RELIGION, 1,
     "church every|sunday school|bible group|bible study|prayer "
     "room|prays|prayer*|praying|ramadan|yom "
     "kippur|shabbat|sabbath|hanukkah|passover|diwali|hajj|pilgrimage to "
     "mecca|kosher|halal|hijab|headscarf|niqab|burqa|kippah|yarmulke|turban|deacon|ordained|vicar|"
     "monk|imam|rabbi|priest|church tax|left the church|converted to|converted "
     "from|muslim*|muslimisch*|moslem*|moslim*|islamisch*|jüdisch*|judentum|katholisch*|"
     "evangelisch*|protestantisch*|lutherisch*|freikirch*|baptist*|adventist*|zeugen "
     "jehovas|zeugin jehovas|zeuge jehovas|mormon*|buddhist*|hindu*|sikh*|alevit*|sunnit*"},
    {POL_SPECIAL_RELIGION, 1,
     "schiit*|orthodox*|atheist*|agnostik*|konfession*|bekenntnis*|gläubig*|strenggläubig*|"
     "tiefgläubig*|fromm*|kirchenaustritt|aus der "
     "kirche|kirchgänger*|kirchensteuer*|kirchengemeinde|pfarrgemeinderat|kirchenchor|"
     "gemeindemitglied*|messdiener*|ministrant*|konfirmiert|konfirmation|kommunion|firmung|getauft*"
     "|taufe|taufschein|bar mizwa|bat "
     "mizwa|synagoge|moschee|moscheegemeinde|freitagsgebet*|betet*|gebet*|fastet|fasten*|"
     "zuckerfest|opferfest|jom "
     "kippur|schabbat|sabbat|chanukka|pessach|koscher|kopftuch*|kippa|konvertier*|konvertit*|"
     "übergetreten*|religionszugehörigkeit|religionsgemeinschaft|glaubensgemeinschaft|bibelkreis|"
     "hauskreis|diakon|ordensschwester|nonne|mönch|musulman*"},
    {POL_SPECIAL_RELIGION, 1,
     "juif*|juive*|judaïsme|israélite*|catholique*|catholicisme|protestant*|protestantisme|"
     "évangélique*|évangéliste*|luthérien*|calviniste*|baptiste*|adventiste*|pentecôtiste*|témoin* "
     "de jéhovah|témoins de "
     "jéhovah|bouddhis*|bouddhiste*|hindou*|orthodoxe*|chiite*|sunnite*|athée*|athéisme|agnostique*"
     "|franc-maçon*|laïque*|croyant*|non-croyant*|pratiquant*|pieux|pieuse|dévot*|confession "
     "religieuse|de confession*|conversion "
     "à|baptis*|baptême|bar-mitsva|paroiss*|église|messe|catéch*|mosquée|prière*|prie|prier|jeûn*|"
     "kippour|yom kippour|chabbat|hanouk*|pessah|carême|casher|kasher|cacher|voile islamique|porte "
     "le voile"},
    {POL_SPECIAL_RELIGION, 1,
     "foulard|rabbin|diacre|religieuse|moine|islamic*|ebre*|ebraic*|ebraism*|cattolic*|evangelic*|"
     "luteran*|valdes*|battist*|avventist*|pentecostal*|testimon* di "
     "geova|buddist*|induist*|sikh|ortodoss*|sciit*|ateo|atea|atei|ateismo|agnostic*|massone|"
     "massoneria|credente*|praticante*|devot*|osservante*|fede islamica|fede cattolica|fede "
     "ebraica|fede religiosa|di "
     "fede|convertit*|battezzat*|battesimo|sbattezz*|comunione|cresima|parrocchi*|chiesa|messa|"
     "catechist*|catechism*|moschea|sinagoga|sala del "
     "regno|preghier*|prega|pregare|digiun*|kippur|sabato ebraico|pesach|quaresima"},
    {POL_SPECIAL_RELIGION, 1,
     "velo islamico|porta il "
     "velo|turbante|rabbino|diacono|suora|monaco|musulm*|islám*|judai*|católic*|catolicismo|"
     "protestante*|evangélic*|evangelist*|bautista*|adventista*|testig* de "
     "jehová|mormón*|budista*|hindú*|chií*|suní*|ateísmo|agnóstic*|masón|masona|masonería|creyente*"
     "|practicante*|religios*|fe musulmana|fe católica|fe judía|de "
     "fe|religión|convirti*|convertid*|conversión|bautiz*|apostat*|comunión|bar "
     "mitzvá|parroqu*|iglesia|misa|catequ*|mezquita|salón del "
     "reino|rezar|reza|rezo|oración|oraciones|ramadán|ayun*|kipur|shabat|pésaj|cuaresma"},
    {POL_SPECIAL_RELIGION, 1,
     "hiyab|kipá|rabino|diácono|monja|monje|cienciolog*|muçulman*|islão|islam*|jude*|judaísmo|"
     "batista*|baptista*|testemunha* de jeová|mórmon*|xiita*|sunita*|ateu|ateia|maçon*|crente*|fé "
     "muçulmana|fé católica|fé judaica|de "
     "fé|religião|batizad*|baptizad*|batismo|batizado|comunhão|paróqui*|paroqui*|igreja|missa|"
     "catequista|mesquita|salão do reino|oração|orações|ramadão|ramadã|jejum*|jejua|sábado "
     "judaico|quaresma|véu|quipá|imã|imame|freira|monge|umband*|candombl*|espírita|moslima|"
     "islamitisch*|joods*|jodendom"},
    {POL_SPECIAL_RELIGION, 1,
     "jood|jodin|katholiek*|rooms-katholiek*|protestants*|protestant|hervormd*|gereformeerd*|"
     "pinkster*|jehova's "
     "getuige*|jehova*|boeddhist*|hindoe*|sjiit*|soennit*|atheïst*|agnost*|vrijmetselaar*|gelovig*|"
     "ongelovig*|praktiserend*|vroom|kerkelijk*|kerklid|kerkganger|lid van de kerk|naar de "
     "kerk|kerkenraad|ouderling|diaken|geloof|bekeer*|bekeerd*|gedoopt*|doop|communie|vormsel|bar "
     "mitswa|parochi*|kerkkoor|moskee|koninkrijkszaal|bidt|bidden|vast "
     "tijdens|vasten|suikerfeest|offerfeest|jom "
     "kipoer|sjabbat|chanoeka|koosjer|hoofddoek*|keppel*|tulband|rabbijn|monnik|muzułma*|żyd|żyda"},
    {POL_SPECIAL_RELIGION, 1,
     "żydem|żydów*|żydowsk*|judaizm*|judaistyczn*|katolic*|katolik*|katolicyzm*|protestan*|"
     "ewangeli*|luterań*|baptyst*|adwentyst*|zielonoświątk*|świadk* jehowy|świadek "
     "jehowy|jehow*|buddyst*|buddyjsk*|hinduist*|hinduizm*|prawosław*|grekokatoli*|szyit*|ateist*|"
     "agnosty*|wolnomular*|wierząc*|niewierząc*|praktykując*|pobożn*|religijn*|bezwyznani*|wyznani*"
     "|wyznaw*|konwer*|nawróc*|ochrzczon*|chrzest|chrzt*|apostazj*|bierzmow*|bar "
     "micw*|parafi*|kościel*|kościoł*|kościół|mszę|mszy|msza|mszach|różańc*|różaniec|oazie|meczet*|"
     "synagog*|zbór|zborze|zboru|sali królestwa"},
    {POL_SPECIAL_RELIGION, 1,
     "modli*|modlitw*|ramadan*|jom kipur|szabat*|szabas*|wielki post|koszern*|chust* na "
     "głow*|hidżab*|jarmułk*|imam*|rabin*|diakon*|zakonnic*|zakonnik*|mnich*|scjentolog*|žid*|"
     "židovsk*|judais*|katoli*|evangeli*|luterán*|husits*|letniční*|svědk* jehov*|svědek "
     "jehov*|jehov*|buddhis*|hindui*|pravoslav*|šíit*|ateis*|agnosti*|zednář*|věřící*|nevěřící*|"
     "praktikující*|zbožn*|nábožens*|vyznán*|vyznáv*|konvert*|pokřtěn*|křest*|křtu|přijímán*|"
     "biřmován*|bar micva|farnost*|farní*|kostel*|církv*|církev*|mši|mše|mešit*|modlí*|modlitb*"},
    {POL_SPECIAL_RELIGION, 1,
     "ramadán*|košer|šátek|hidžáb|jarmulk*|imám*|rabín*|jáhen|řeholnic*|žid|veriac*|kresťan*|"
     "křesťan*|evre*|evrei*|mozaic*|iudais*|catolic*|greco-catolic*|evanghel*|penticostal*|martor* "
     "al lui iehova|martorii lui iehova|martoră a lui "
     "iehova|iehova|budist*|hindus*|șiit*|ateu*|atee|francmason*|credincios*|credincioas*|"
     "practicant*|botezat*|botez*|împărtăș*|parohi*|biseric*|slujb*|liturghi*|moschee*|sinagog*|se "
     "roagă|roagă|rugăciun*|postește|cușer|diacon*|călugăr*|preot*|judisk*|jude|judinna|judendom*|"
     "jødisk*|jøde|jødinde|katolsk*|evangelisk*"},
    {POL_SPECIAL_RELIGION, 1,
     "luthersk*|luthersk|frikyrk*|frikirk*|pingst*|pinse*|jehovas vittne*|jehovas vidne*|jehovas "
     "vitne*|jehovas|ortodoks*|shia*|sunni*|frimurar*|frimurer*|troende|kristen|kristn*|icke-"
     "troende|ikke-troende|religiös*|religiøs*|trosretning|trossamfund*|bekend*|konverter*|omvend*|"
     "döpt*|døbt|døpt*|dåb|konfirm*|nattvard*|bar "
     "mitzva|församling*|menighed*|menighet*|kyrka*|kyrkan|kirke*|kirken|svenska "
     "kyrkan|folkekirken|meldt sig ud af|lämnat "
     "kyrkan|gudstjänst*|gudstjeneste*|moské*|moske*|rikets "
     "sal|beder|bønn*|bøn|sabbat*|slöja*|tørklæde*|kalot|rabbin*|nunna|munk"},
    {POL_SPECIAL_RELIGION, 1,
     "islami*|juutalai*|katolilai*|protesta*|luterilai*|helluntai*|jehovan "
     "todist*|jehovan|lestadiolai*|vanhoillis*|buddhala*|sikhi*|ortodok*|vapaamuur*|uskonto*|"
     "uskonn*|uskova*|uskovai*|uskoon|kääntyi*|kastet*|ripille|rippikoul*|seurakun*|kirkko*|kirkon|"
     "kirkosta|kirkkoon|jumalanpalvel*|moskeija*|rukoil*|rukou*|paasto*|sapatti*|huivi*|hijab*|"
     "imaami*|diakoni*|nunna*|munkki*|kristitty*|muszlim*|muzulmán*|iszlám*|zsidó*|izraelita*|"
     "katolikus*|görögkatol*|protestáns*|református*|evangélikus*|luteránus*|pünkösdi*|szikh*|"
     "síita*|szunnita*|ateista*|agnosztik*|szabadkőműv*|hívő*"},
    {POL_SPECIAL_RELIGION, 1,
     "vallás*|vallásos*|vallású|hitű|hitre|áttért*|megkeresztel*|keresztel*|elsőáldoz*|bérmál*|bar "
     "micv*|plébáni*|egyház*|templom*|mecset*|zsinagóg*|imádk*|imáj*|böjt*|sábesz|szombattart*|"
     "kóser*|fejkendő*|hidzsáb|kipa|turbán|diakónus*|apáca*|szerzetes*|keresztény*|rosch ha*|yom "
     "kip*|jom "
     "kip*|fasting|klášter*|klasztor*|mănăstir*|convent|convento|couvent|kolostor*|farář*|koran*|"
     "quran|jehovah*|jéhov*|geova|jeová|iglesia evangélica|penticost*|freimaurer*|imára|rosh "
     "ha*|missionario|missionnaire|missionar*|misionero|missionário|misjonarz*|parroco"},
    {POL_SPECIAL_RELIGION, 1,
     "párroco|pároco|pastoor|proboszcz*|kyrkoherde|sognepræst|paroh|plébános*|presbiter*|presbyter*"
     "|kerkenraad*|kirchenvorstand*|kirchgemeinderat|parish council*|conseil paroissial|consiglio "
     "pastorale|livets ord|pingstkyrk*|igreja universal|assembleia de deus|assemblies of god|opus "
     "dei|jesuit*|jesuita|franziskan*|karmelit*|carmelit*|benedikt*|cistercian*|dominican*|noviz*|"
     "nowicjat*|noviciát*|seminari*|seminár*|seminarium*|seminář*|laienprediger|lay "
     "preacher|prediker|predicatore|pregador|predicador|kaznodziej*|kazatel*|prédikátor*|prayers|"
     "prayer break*|gebetspause*|gebetsraum|pause prière|salle de "
     "prière|preghiera|imádság*|bønnen|bönestund*|fast day|fastentag|kosher*|koscher*"},
    {POL_SPECIAL_RELIGION, 1,
     "kóser|halal*|no pork|kein schwein*|pas de porc|sin cerdo|niente maiale|sem porco|geen "
     "varken*|bez wieprzow*|bez vepř*|inget fläsk|ikke svin*|fără "
     "porc|disznóhús*|batiz*|battezz*|gedoopt|dopen|ochrzc*|ochrzcz*|pokřt*|bar mitz*|bat "
     "mitz*|confirmation|komuni* święt*|primera comunión|prima comunione|primeira "
     "comunhão|première communion|první přijímání|první "
     "svaté|sekte|setta|seita|sekta|sekty|szekta|szektá*|coran|jehowy|zeug* "
     "jehovas|pentecost*|pentecôt*|zielonoświ*|letničn*|pünkösd*|buddis*|boeddhis*|atheis*|mormone|"
     "mormoni|mormon|mormonen|sabat|sabatul|pioasă|judío*|judía*|judia"},
    {POL_SPECIAL_RELIGION, 1,
     "judeu*|freemason*|l'aïd|aïd el*|rabbinico|le curé|curé de|converti à|converti au|convertie "
     "à|convertie au|convertito*|convertita*|reformată|a nun|nuns|een non|jag fastar|hon "
     "fastar|faster i"},
    {POL_SPECIAL_RELIGION, 0,
     "orthodox christian*|greek orthodox|russian orthodox|ortodox credinc*|creștin "
     "ortodox*|creștină ortodox*|ortodoxă|ortodox|orthodoxe chrét*|cristian* ortodox*|faith|his "
     "faith|her "
     "faith|believer|christian|christlich|chrétien*|cristian*|cristão|cristã|christen|chrześcija*|"
     "creștin*|konvertiert*|conversion|converted*|convertirs*|converteu*|convertiu*|si è "
     "convertit*|konvertoval*|konvertował*|betreibt gebet|mass every|attends "
     "mass|gottesdienst*|religieu*|strict vegan|de religión*|de religião*|de "
     "religione|religion:|wyznania|komunii|komunię|trošku|observes the*|turbanem|rosh "
     "hashanah|rosh hashana|eid al*|eid mubarak|bayram|grote "
     "verzoendag|sukkot|purim|shavuot|sundown on fridays|fridays as|is fasting"},
    {POL_SPECIAL_RELIGION, 0,
     "fasts|fast during|fastar|faster denne|jeûne|ayuna|digiuna|vast deze|pości|postí se|ține "
     "post*|böjtöl*|kloster|kloster*|klooster|seminary|seminarist*|theolog*|pastor*|pfarrer*|"
     "pasteur|pastore|dominee|pastorul|lelkész*|ksiądz|księd*|kněz*|prêtre|prete|sacerdote|padre|"
     "priester|präst|præst|papnak|deacon*|voile|velo|slöja|huivi|chust*|fejkendő|headscar*|church|"
     "kirche|kerk|kyrka|kirke|temple|mosque*|moscheea|pray*|bible|bibel*|biblia|bibbia|bíblia|"
     "bijbel|biblii"},
    {POL_SPECIAL_RELIGION, 0,
     "biblię|bibli|bibeln|coran*|corano|corán|alcorão|korán*|torah|thora|talmud|baptism*|baptême*|"
     "battesim*|bautism*|batism*|doop*|chrzci*|křtin*|keresztség|godparent*|taufpate*|parrain|"
     "marraine|padrino|madrina|padrinho|peetoom|chrzestn*|kmotr*|gudfar|gudmor|gudföräld*|nașii|"
     "keresztanya|keresztapa|excommunic*|apostas*|apostaz*|sbattez*|uscito dalla "
     "chiesa|kirchenaustritt*|austritt aus der kirche|uittreden|uitschrijven bij de kerk|wypisał* "
     "z kościoła|vystoupil* z církve|gått ur svenska|meldt ud af folkekirken|meldt mig ud af "
     "folkekirken|ieșit din biserică|kilépett az egyházból|kiléptem az "
     "egyházból|pork|schweinefleisch|porc|maiale|cerdo|varkensvlees|wieprz*"},
    {POL_SPECIAL_RELIGION, 0,
     "vepřov*|svinekød*|sertés*|disznó*|sonká*|alcohol for religious|no bebe "
     "por*|hahota*|gyülekezet*|congregati*|gemeinde|assemblée de "
     "dieu|filadelfia|pentec*|christmas|weihnacht*|noël|navidad|natal|kerst*|boże "
     "narodz*|wigili*|vánoc*|julen|crăciun*|karácsony*|easter|ostern|pâques|pascua|páscoa|pasen|"
     "wielkanoc*|velikonoc*|påsk*|påske*|paște*|húsvét*|ateizm*|godless|humanist confirm*|civil "
     "confirm*|jugendweihe|yoga guru|krishna*|krišn*|falun gong|loża|druid*|wicca*|satanist*|for "
     "prayers|zum gebet|pour la prière|la preghiera|para rezar|te bidden|na modlitwę|na "
     "modlitbu|för bön"},
    {POL_SPECIAL_RELIGION, 0,
     "for at bede|la rugăciune|grew up mormon|mormons|chez les mormons|gudstj*|sect|secte|secta"},
    {POL_SPECIAL_POLITICAL, 1,
     "labour party|conservative party|green party|liberal democrat*|tory|tories|labour "
     "member|labour supporter|conservative voter|labour voter|party activist|party member*|party "
     "membership|party card|member of the greens|member of the national*|member of the "
     "labour*|member of labour|member of the far-right|member of a far-*|member of the "
     "tories|member of plaid cymru|member of the snp|snp member|reform uk|ukip|sinn féin|brexit "
     "supporter|voted leave|voted remain|voted green|voted labour|votes labour|votes "
     "conservative|votes tory|votes green|voted tory|voted republican|voted "
     "democrat|canvass*|campaign "
     "volunteer|left-wing|right-wing|far-right|far-left|leftist|communist*|marxist*|trotskyist*|"
     "anarchist*|fascist*|neo-nazi*|separatist*|monarchist*|antifa|extinction rebellion|greenpeace "
     "activist|political activist|dissident*|political views"},
    {POL_SPECIAL_POLITICAL, 1,
     "political opinion*|political belief*|demonstrat*|local councillor for|ran as a "
     "candidate|stood as a candidate|donates to|donated to|political donation*|trump "
     "supporter|parteimitglied*|parteibuch|parteizugehörig*|parteifreund*|parteiaustritt|mitglied "
     "der partei|mitglied bei den grünen|mitglied der grünen|mitglied der linken|mitglied der "
     "npd|mitglied der fdp|mitglied der övp|mitglied der spö|mitglied der fpö|mitglied der "
     "svp|afd-mitglied*|afd-wähler*|afd-anhänger*|spd-mitglied*|cdu-mitglied*|spd-wähler*|cdu-"
     "wähler*|grünen-wähler*|fpö-wähler*|afd|npd|spd|cdu|csu|fdp|bsw|die linke|den grünen|die "
     "grünen|bündnis "
     "90|ortsverein*|ortsverband|kreisverband|kandidierte*|kandidiert*|wählt*|gewählt|wählte*|"
     "stammwähler*|wahlkampf*|rechtsextrem*|linksextrem*|rechtsradikal*|linksradikal*|neonazi*"},
    {POL_SPECIAL_POLITICAL, 1,
     "reichsbürger*|kommunist*|sozialist*|sozialdemokrat*|gesinnung|politisch aktiv|politisch "
     "engagiert|politische überzeug*|politische einstell*|politischen einstell*|politische "
     "meinung|demonstr*|aktivist*|jungsozialist*|juso*|junge union|pegida|querdenk*|letzte "
     "generation|letzten generation|gemeinderat für|parti socialiste|parti communiste|parti de "
     "gauche|parti politique|rassemblement national|la france insoumise|lfi|france insoumise|les "
     "républicains|europe écologie|eelv|front national|reconquête|membre du ps|membre du pcf|carte "
     "du parti|encart*|militant*|milite*|adhérent*|sympathisant*|a "
     "voté|voté|électeur*|électrice*|de gauche|de droite|extrême droite|extrême "
     "gauche|d'extrême*|gauchiste*|communiste*|socialiste*|marxiste*|trotskiste*|anarchiste*|"
     "fasciste*|néonazi*|nationaliste*"},
    {POL_SPECIAL_POLITICAL, 1,
     "indépendantiste*|souverainiste*|royaliste*|écologiste*|macroniste*|lepéniste*|insoumis*|"
     "gilet* jaune*|opinions politiques|convictions politiques|engagement politique|engagé "
     "politiquement|engagée politiquement|manifest*|candidat aux*|candidate aux*|candidat sur la "
     "liste|candidate sur la liste|s'est présenté*|tracts|collé des affiches|élu local|conseiller "
     "municipal*|conseillère municipale|partito democratico|forza italia|fratelli "
     "d'italia|movimento 5 stelle|cinque stelle|rifondazione*|partito comunista|casapound|italia "
     "viva|del pd|al pd|nel pd|tesserat*|tessera del partito|tessera del pd|iscritt* al "
     "partito|attivista*|simpatizzant*|vota*|votato|ha votato|elettore*|elettrice*|di sinistra|di "
     "destra|estrema destra|estrema "
     "sinistra|comunist*|anarchic*|neofascist*|neonazist*|nazionalist*|indipendentist*|sovranist*|"
     "monarchic*|leghist*"},
    {POL_SPECIAL_POLITICAL, 1,
     "grillin*|berlusconian*|opinioni politiche|idee politiche|convinzioni politiche|orientamento "
     "politico|impegno politico|manifestaz*|manifestante*|candidat* con|candidat* alle|candidato "
     "nella lista|candidata nella lista|consigliere comunale|consigliera comunale|partido "
     "popular|partido socialista|partido comunista|psoe|podemos|ciudadanos|izquierda "
     "unida|esquerra|erc|bildu|pnv|junts|afiliad* al pp|del pp|al pp|del psoe|afiliad* al "
     "partido|carné del partido|carnet del partido|simpatizante*|votó|votado|votante*|de "
     "izquierda*|de derecha*|ultraderech*|extrema derecha|extrema "
     "izquierda|comunista*|socialista*|marxista*|anarquista*|fascista*|nacionalista*|"
     "independentista*|separatista*|franquista*|monárquic*|activista*|ideología*|opiniones "
     "políticas|ideas políticas|convicciones políticas|manifestación*|manifestarse"},
    {POL_SPECIAL_POLITICAL, 1,
     "candidat* por|candidat* en la lista|en las listas|concejal*|partido social "
     "democrata|psd|pcp|bloco de esquerda|iniciativa liberal|partido dos trabalhadores|cartão do "
     "partido|filiad*|filiou-se*|votou|eleitor*|de esquerda|de "
     "direita|extrema-direita|extrema-esquerda|extrema "
     "direita|bolsonarista*|petista*|ativista*|ideologia*|opiniões políticas|ideias "
     "políticas|convicções políticas|manifestação*|manifestações|candidat* pelo|candidat* "
     "pela|candidat* nas listas|autarca|vereador*|partijlid*|partijlidmaatschap|lid van de "
     "partij|lid van de sp|lid van de vvd|lid van volt|lid van "
     "bij1|vvd|pvda|pvv|d66|groenlinks|cda|forum voor democratie|fvd|n-va|vlaams belang|sp.a|open "
     "vld|boerburgerbeweging|bbb|stemde|gestemd|pvv-stemmer*|vvd-stemmer*|kiezer*"},
    {POL_SPECIAL_POLITICAL, 1,
     "aanhanger*|sympathis*|extreemrechts*|extreem-rechts*|extreemlinks*|activist*|politieke "
     "voorkeur|politieke overtuiging|politieke opvatting*|politiek actief|betog*|kandidaat voor|op "
     "de lijst|gemeenteraadslid|raadslid|folders voor|partię|partia|partyjn*|platform* "
     "obywatelsk*|prawo i sprawiedliwość|prawa i "
     "sprawiedliwości|psl|konfederacj*|lewic*|lewicy|nowoczesn*|polska 2050|korwin*|ruch "
     "narodowy|młodzież* "
     "wszechpolsk*|onr|wyborc*|elektorat*|głosował*|głosuje*|zagłosow*|kandydow*|kandyduj*|listy "
     "wyborcz*|z "
     "listy|sympatyk*|sympatyz*|zwolenni*|działacz*|aktywist*|poglądy|poglądach|poglądów|"
     "przekonani* "
     "politycz*|prawicow*|lewicow*|konserwatywn*|liberaln*|narodow*|nacjonalist*|faszyst*|komunist*"
     "|socjalist*|marksist*"},
    {POL_SPECIAL_POLITICAL, 1,
     "antyfaszyst*|manifestacj*|demonstrac*|marszu*|strajk* kobiet|radn*|przekazał* na "
     "kampanię|straník*|stranick*|ods|čssd|ksčm|piráti|pirátsk*|top "
     "09|kdu-čsl|volí|volil*|volič*|kandidoval*|kandiduje*|kandidátk*|sympatiz*|příznivc*|"
     "příznivec|podporuje*|podporovatel*|politick* názor*|politick* "
     "přesvědč*|levicov*|pravicov*|sociální demokrat*|fašist*|neonacist*|nacionalist*|zastupitel* "
     "za|členství ve straně|partidul*|pnl|usr|aur|udmr|pmp|carnet de "
     "partid|simpatizant*|votat|votează|votez|alegător*|susținăt*|de stânga|de dreapta|extrema "
     "dreaptă|extrema stângă|anarhist*|legionar*|naționalist*|monarhist*|opinii "
     "politice|convingeri politice"},
    {POL_SPECIAL_POLITICAL, 1,
     "vederi politice|manifestaț*|candidat* din partea|candidat* pe lista|a candidat|consilier "
     "local|socialdemokrat*|sverigedemokrat*|vänsterparti*|miljöparti*|centerparti*|kristdemokrat*|"
     "folkeparti*|enhedslisten|radikale|arbeiderparti*|høyre|fremskrittsparti*|frp|partimed*|"
     "partibok|partiaktiv*|røster|røstar|röstar*|röstat*|røstede*|stemmer på|stemte*|stemt "
     "på|vælger*|väljare|velger|valarbet*|valgkamp*|venstreorient*|højreorient*|högerextrem*|"
     "højreekstrem*|høyreekstrem*|sosialist*|anarkist*|nynazist*|nasjonalist*|politisk* "
     "åsikt*|politiske hold*|politisk* uppfattn*|politisk aktiv*|demonstrer*|kandider*|opstillet "
     "for|stiller op for|kommunfullmäktig*|kommunestyret|byrådet "
     "for|puolue*|puolueen|puolueeseen|perussuomal*|kokoomu*"},
    {POL_SPECIAL_POLITICAL, 1,
     "keskusta*|vihre*|vasemmisto*|sdp*|demari*|kommunisti*|sosialisti*|anarkisti*|äärioikei*|"
     "äärivasem*|kansallism*|uusnatsi*|äänest*|vaaleissa|poliittis*|kannattaja*|aktivisti*|"
     "mielenosoit*|mielenosoitu*|kunnanvaltuut*|párttag*|fidesz*|mszp*|jobbik*|mi "
     "hazánk|kdnp|szavaz*|szavazó*|jelöltje*|szimpatiz*|támogatj*|baloldal*|jobboldal*|szélsőjobb*|"
     "kommunista*|szocialista*|anarchista*|fasiszta*|neonáci*|konzervatív*|aktivista*|politikai*|"
     "tüntet*|tüntetés*|adjoint au maire|radny|radna|radnym|con la lega|della lega|la lega|do "
     "chega|no chega|do bloco|no bloco|fideszes|mi hazánkos|rifondazione|LFI|PCF"},
    {POL_SPECIAL_POLITICAL, 1,
     "NPA|EELV|UDI|PD|M5S|FDI|PSOE|PNV|ERC|BNG|PSD|PCP|CDS|VVD|PVV|D66|CDA|PVDA|SGP|FVD|BBB|NSC|N-"
     "VA|AFD|NPD|SPD|CDU|CSU|FDP|BSW|ÖVP|SPÖ|FPÖ|NEOS|SVP|PIS|PSL|SLD|ODS|KDU|ČSSD|KSČM|TOP "
     "09|SNP|DUP|UKIP|PNL|USR|AUR|UDMR|MSZP|LMP|MKKP|KDNP|fidesz-*|fidesz|tiszás|tisza-*|"
     "momentumos|mi hazánk-*"},
    {POL_SPECIAL_POLITICAL, 1,
     "macronist*|mélenchonist*|lepénist*|lepenist*|zemmour*|marine le "
     "pen|salvini|meloni|berlusconi|potere al popolo|verdi|coi verdi|con i verdi|i verdi|vox|de "
     "vox|en vox|de podemos|sumar|compromís|chega|pelo livre|kandidatur für|listenplatz|auf "
     "listenplatz|im ortsverein|im stadtrat|stadtrat*|stadträt*|gemeinderätin|kreistag*|im "
     "gemeinderat|parteitag|town councillor|city councillor|parish councillor|mp for|campaigning "
     "for|canvassing|leaflets for|conseiller|conseillère|liste aux "
     "municipales|municipales|meetings de|meeting de|mítines|mitin "
     "de|comícios|comício|comizi|comizio|wiece|wiecach|mítink*|mítinky|mitinguri|gyűlések*|"
     "gyűlésre|partimöte*"},
    {POL_SPECIAL_POLITICAL, 1,
     "partimøde*|consigliere|consigliera|candidato sindaco|candidata "
     "sindaca|concejal|concejala|vereador|vereadora|gemeenteraad*|wethouder|radną|zastupitel|"
     "zastupitelka|fullmäktige|nämnd*|byrådet|byråd|kommunalbestyrelse*|önkormányzati "
     "képviselő|képviselőjelölt*|consilier|libertarian*|libertär*|libertári*|libertariánin*|facha|"
     "fachas|facho|fascio|fasces|trotzkist*|trockist*|stalinist*|maoist*|nazista*|skinhead*|"
     "identitär*|querdenker*|independentista|euroscept*|eurosceptik*|brexiteer*|remainer*|trumpist*"
     "|maga|putinist*|royalist*|republikán*|left wing|right "
     "wing|linksgerichtet|rechtsgerichtet|gauchist*|droitard*|sinistrorso|destrorso|zurdo|rojo de "
     "toda la vida|lewak"},
    {POL_SPECIAL_POLITICAL, 1,
     "prawak|komuch*|komunista|komár*|sosse*|sossar|tory voter|wahlhelfer für|wahlplakate|plakate "
     "geklebt|klebt plakate|colle des affiches|collait des affiches|attaccava manifesti|pegaba "
     "carteles|colava cartazes|plakte affiches|rozklejał*|lepil plakáty|plakátol*|lipea "
     "afișe|pártja|pártot|pártban|pártnak|marszu|marsz|marszach|milita in|milita nel|milita "
     "en|moderaterna|moderaternas|a momentum|adhère|adhérente*"},
    {POL_SPECIAL_POLITICAL, 0,
     "conservative voter*|liberal party|socialist party|democratic party|republican party|partido "
     "*|partito *|parti *|partii *|partią *|partidul *|strany *|straně *|stranu "
     "*|partiet|partei|in der partei|protesters|took part in the protest*|joined the "
     "protest*|protested|demonstration*|liberale*|konserwatyst*|conservatore*|conservador*|"
     "konservativ*|socialist|socialiste|socialista|socialisty|socialistka|nationalist|nationalista|"
     "voted for|votes for|voting for|vote pour|voted against|wybor*|politically "
     "active|politically*|politique*|politisch*|politiek*|politycz*|politick*|politisk*|stemt "
     "op|stemt al|stemt voor|links georiënteerd|rechts georiënteerd|członk* pis|głosuje na "
     "pis|parlamentar*|leaflet*|leafleting|for labour|labour again"},
    {POL_SPECIAL_POLITICAL, 0,
     "labour|lib dem*|the greens|green councillor|hardcore tory|votes "
     "republican|republican|republicans|democrats|for reform|standing for|stood in the|ran for "
     "office|ran for|running for|candidate "
     "for|candidacy|kandidatur*|candidatura*|candidature*|kandydat*|kandidát*|kandidaat*|candidat*|"
     "jelölt*|election*|wahl|wahlen|wählt|élection*|elezion*|elección*|elecciones|eleiç*|"
     "verkiezing*|wybory|wyborach|volby|volbách|alegeri*|választás*|council|councillor|stadtrat|"
     "gemeinderat*|stadträtin|bürgermeister*|adjointe au maire|élu|élue|conseil "
     "municipal|assessore|assessora|consiglier*|autárqu*|wethouder*|zastupitel*|kommunfullm*|"
     "nämnden|byråd*"},
    {POL_SPECIAL_POLITICAL, 0,
     "kommunalbest*|consilier*|képviselő*|önkormányz*|mandat|mandato|mandaat|partito|party|partido|"
     "partij*|strana|straně|stranu|strany|partid|partidul|le rn|au rn|rn aux|pour le rn|votes "
     "rn|vote rn|le ps|au ps|élu lr|les verts|aux verts|verts|grünen|linken|aus der linken|bei den "
     "grünen|pour lfi|de lfi|tracte*|leghista|pelo chega|no ps|do ps|no psd|do psd|in de pvv|voor "
     "de pvv|sierpień*|z zielonych|ze zelených|zelených|za spd|volí stačilo|stačilo|pro ano|v "
     "ksč|ksč|miljöpart*|moderatern*|sossar*|sosse|för sd|af sf"},
    {POL_SPECIAL_POLITICAL, 0,
     "for sf|venstre|dansk folkeparti|liberal alliance|enhedslist*|nye borgerlige|socialdem*|la "
     "aur|din usr|celor de la usr|dk-s|lmp-*|mi "
     "hazánk*|tiszás*|tisza*|christenunie|sgp|50plus|jovem "
     "chegan*|anpi|independentist*|indépendantist*|estelada|ikurriña|brexit*|leave "
     "campaign|campaign*|kampagne*|campagne*|campaña*|campanha*|kampani*|kampaň*|kampanj*|kampány*|"
     "campani*|signatures|semnături*|podpisy|unterschrift*|firmas|petition*|pétition*|petiz*|"
     "petición|demos|manif|corteo|protest*|sit-in|blockad*|blocad*|pochod*|tünt*|felvonul*|activis*"
     "|aktivista|donated|donation to|spende an"},
    {POL_SPECIAL_POLITICAL, 0,
     "gespendet|don à|donado "
     "a|doou|doneerde|wpłacił*|przekazał*|daroval*|skänkt*|adománny*|adakoz*|left-wing*|right-wing*"
     "|rechts|rechte|linke|sinistra|destra|izquierda|derecha|esquerda|direita|prawic*|levic*|"
     "pravic*|vänster|höger|stânga|dreapta|baloldali|jobboldali|szocialist*|vota|vote|votes|voted|"
     "voting|wähle|wählen|voto|votar|stem "
     "op|stemmen|głosuj*|głosow*|zagłos*|volit|rösta|stemt|socialist "
     "worker|linksjugend|jusos|jonge socialisten|ung vänster|rød ungdom|jeunes communistes|giovani "
     "comunisti|juventudes|juventude|młodych razem"},
    {POL_SPECIAL_POLITICAL, 0,
     "młodzieżówk*|mladých komunist*|tineretul|ifjú szocialist*|candidai|candidata pelo|candidata "
     "de|candidato de|kandidatin|kandidat|startował*|jelöltje|auf der liste|stillede "
     "op|kandiderade|pliant*|volantin*|panflet*|octavill*|flugbl*|flygblad*|løbesed*|løpesed*|"
     "ulotk*|leták*|letáky|szórólap*|folders|flyers "
     "for|RN|LR|LO|PP|CUP|IU|PAN|BE|PO|ANO|STAN|SMER|SD|KD|SF|DF|LA|DK|fraktion*|rallies|rally|"
     "møder i|möten|nazi*"},
};
const size_t pol_hints_belief_n = sizeof(pol_hints_belief) / sizeof(pol_hints_belief[0]);
