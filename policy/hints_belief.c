/* hints_belief.c - words that hint at a union, a belief, politics. Pure data.
 *
 * Read by hints.c, which says how a word is written here. A hint is no finding: statement.c judges
 * the sentence that it stands in. English, German, French, Spanish, Italian, Portuguese, Dutch,
 * Polish, Czech and Slovak, Romanian, Swedish, Danish and Norwegian, Finnish, Hungarian.
 */
#include "policy/hints.h"

const struct pol_hint_words pol_hints_belief[] = {
    {POL_SPECIAL_UNION,
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
    {POL_SPECIAL_UNION,
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
    {POL_SPECIAL_UNION,
     "iscritta alla fiom|iscritto alla fiom|iscritta alla uil|cgil|cisl|fiom|cobas|al "
     "sindacato|del sindacato|nel sindacato|ha scioperato|in sciopero|allo "
     "sciopero|sindical*|sindicato desde|al sindicato|del sindicato|en el sindicato|en un "
     "sindicato|a un sindicato|comisiones obreras|ccoo|ugt|csif|cnt|cgt|carné sindical|carnet "
     "sindical|cuota sindical|afiliación sindical|liberado sindical|liberada sindical|enlace "
     "sindical|comité de empresa por|en huelga|huelguista|secundó la "
     "huelga|sindicalizad*|sindicaliz*|ao sindicato|do sindicato|no sindicato|num "
     "sindicato|cgtp|quota sindical|quotas sindicais|dirigente sindical|delegad* sindical|em "
     "greve|fez greve|aderiu à greve|grevista|vakbonds*|vakbond*|bij de vakbond|van de "
     "vakbond|fnv|cnv|abvv|van de fnv"},
    {POL_SPECIAL_UNION,
     "bij de "
     "fnv|vakbondsman|vakbondsvrouw|vakbondscontributie|vakbondswerk|kaderlid|staakte|stakende|in "
     "staking|stakingsleider|związkow*|związku zawodow*|związkiem zawodow*|związki "
     "zawodow*|związek zawodow*|nszz|opzz|solidarnoś*|zakładow* solidarno*|zakładowej "
     "organizacji|legitymację związkową|składki związkowe|składkę związkową|składek "
     "związkowych|związkowiec|związkowc*|związkowczyni*|strajk*|znp|odbor*|odborář*|odborov*|v "
     "odborech|do odborů|člen odbor*|členk* odbor*|odborovej|odbory|v odboroch|do "
     "odborov|stávk*|stávkov*|sindicalist*|sindicat*|membru de sindicat|lider de sindicat|lideră "
     "de sindicat|cotizația de sindicat|cotizație "
     "sindicală|grevă|grevist*|fackföreningsmedlem*|fackförening*|fackförbund*|fackmedlem*|"
     "fackligt aktiv*|facklig*|fackligt|facket|fackombud"},
    {POL_SPECIAL_UNION,
     "skyddsombud för|medlem i if metall|if metall|kommunal|medlem i "
     "unionen|strejk*|fagforening*|fagforbund*|fagligt aktiv*|fagorganis*|fagligt "
     "organisere*|faglig "
     "organisere*|tillidsmand*|tillidskvinde|tillidsrepr*|tillitsvald*|tillitsvalg*|klubbleder*|"
     "medlem av lo|medlem af 3f|hk-medlem|medlem i "
     "fellesforbundet|fellesforbundet|streik*|ammattiliit*|ammattiosasto*|ammattiyhdist*|liiton "
     "jäsen*|luottamusmie*|luottamushenkil*|luottamusvaltuu*|pääluottamus*|jäsenmaksu*|lakko*|"
     "lakon|lakossa|paminjäsen|szakszervezet*|szakszervezeti*|bizalmi*|sztrájk*|on "
     "strike|union|unions|syndicat|sindacato|sindicato|sindicatul*|fagforbund|gewerkschaft|picket|"
     "picket line|piquet*|piquete|picchetto|piket*|pikiet*|pichet|stakerspost|streikpost*"},
    {POL_SPECIAL_UNION,
     "blokadevagt|strejkvakt*|sztrájkőr*|walkout|walked out|the union|union of|national union "
     "of|unison|usdaw|gmb|nasuwt|rmt|aslef|unite rep|unite member|unite branch|facility "
     "time|ballot|igbce|evg|gdl|gew|dgb|ngg|urabstimmung|tarifkommission|streikkasse|cfdt|unsa|cse|"
     "élue au cse|élu au cse|délégation|heures de délégation|comisiones|horas sindicales|sección "
     "sindical|comité de empresa|usb|ugl|rsu|vakbond|de "
     "bond|kaderlid*|or-lid|ondernemingsraad|solidarność|solidarności|sierpniu 80|sierpień 80|do "
     "związku|na związek|ze związku|w związku zawod*|deklaracje do "
     "związku|składk*|sindel|fesap|quota"},
    {POL_SPECIAL_UNION,
     "quotas|čmkos|kovo|kova|unionen|handels|fackavgift*|skyddsomb*|klubbordf*|3f|foa|djøf|dansk "
     "metal|sygeplejeråd|faglig* hverv|fagligt hverv|kontingent "
     "til|tillidsrep*|tillidsmand|tillidshverv|cartel "
     "alfa|bns|frăția|cotizați*|vasas*|mszosz|szakszerv*|bizalmi|tagdíj*|works "
     "council|betriebsrat*|personalrat*|comité d'entreprise|member of the works|contribut* "
     "sindac*|quota sindac*|trattenuta sindac*|collective dispute|arbeitskampf*|strike pay|strike "
     "fund|grève*|huelga*|greve*|sciopero|scioperant*|greva|fagklub*|fackklub*|fackklubb*|komisji "
     "zakładow*|pikiec*|works as branch secretary|branch secretary|secrétaire de "
     "section|segretario della sezione|secretario de la "
     "sección|gewerkschafts*|ortsvorstand|bestuurder van de bond"},
    {POL_SPECIAL_RELIGION,
     "muslima|islam|islamic faith|muslim faith|jewish faith|catholic faith|christian faith|hindu "
     "faith|convert to islam|convert to judaism|born-again|born again "
     "christian|devout*|practising*|practicing catholic|lapsed "
     "catholic|pious|baptist|methodist|anglican|presbyterian|pentecostal|quaker|lutheran|"
     "evangelical|adventist|jehovah's witness*|scientolog*|latter-day saint*|orthodox "
     "jew*|orthodox|ultra-orthodox|shia|sunni|zoroastrian|baha'i|jain|taoist|pagan|wiccan|agnostic|"
     "humanist|non-religious|non-believer|freemason|bar mitzvah|bat mitzvah|first "
     "communion|confirmation class|communion|rosary|synagogue|mosque|gurdwara|hindu temple|kingdom "
     "hall|parish council|parishion*|congregation|church choir"},
    {POL_SPECIAL_RELIGION,
     "church every|sunday school|bible group|bible study|prayer "
     "room|prays|prayer*|praying|ramadan|yom "
     "kippur|shabbat|sabbath|hanukkah|passover|diwali|hajj|pilgrimage to "
     "mecca|kosher|halal|hijab|headscarf|niqab|burqa|kippah|yarmulke|turban|deacon|ordained|vicar|"
     "monk|nun|imam|rabbi|priest|church tax|left the church|converted to|converted "
     "from|muslim*|muslimisch*|moslem*|moslim*|islamisch*|jüdisch*|judentum|katholisch*|"
     "evangelisch*|protestantisch*|lutherisch*|freikirch*|baptist*|adventist*|zeugen "
     "jehovas|zeugin jehovas|zeuge jehovas|mormon*|buddhist*|hindu*|sikh*|alevit*"},
    {POL_SPECIAL_RELIGION,
     "sunnit*|schiit*|orthodox*|atheist*|agnostik*|konfession*|bekenntnis*|gläubig*|strenggläubig*|"
     "tiefgläubig*|fromm*|kirchenaustritt|aus der "
     "kirche|kirchgänger*|kirchensteuer*|kirchengemeinde|pfarrgemeinderat|kirchenchor|"
     "gemeindemitglied*|messdiener*|ministrant*|konfirmiert|konfirmation|kommunion|firmung|getauft*"
     "|taufe|taufschein|bar mizwa|bat "
     "mizwa|synagoge|moschee|moscheegemeinde|freitagsgebet*|betet*|gebet*|fastet|fasten*|"
     "zuckerfest|opferfest|jom "
     "kippur|schabbat|sabbat|chanukka|pessach|koscher|kopftuch*|kippa|konvertier*|konvertit*|"
     "übergetreten*|religionszugehörigkeit|religionsgemeinschaft|glaubensgemeinschaft|bibelkreis|"
     "hauskreis|diakon|rabbi*|ordensschwester|nonne"},
    {POL_SPECIAL_RELIGION,
     "mönch|musulman*|juif*|juive*|judaïsme|israélite*|catholique*|catholicisme|protestant*|"
     "protestantisme|évangélique*|évangéliste*|luthérien*|calviniste*|baptiste*|adventiste*|"
     "pentecôtiste*|témoin* de jéhovah|témoins de "
     "jéhovah|bouddhis*|bouddhiste*|hindou*|orthodoxe*|chiite*|sunnite*|athée*|athéisme|agnostique*"
     "|franc-maçon*|laïque*|croyant*|non-croyant*|pratiquant*|pieux|pieuse|dévot*|confession "
     "religieuse|de confession*|conversion "
     "à|converti*|baptis*|baptême|bar-mitsva|paroiss*|église|messe|catéch*|mosquée|prière*|prie|"
     "prier|jeûn*|aïd|kippour|yom kippour|chabbat|hanouk*|pessah|carême|casher"},
    {POL_SPECIAL_RELIGION,
     "kasher|cacher|voile islamique|porte le "
     "voile|foulard|rabbin|diacre|religieuse|moine|islamic*|ebre*|ebraic*|ebraism*|cattolic*|"
     "evangelic*|luteran*|valdes*|battist*|avventist*|pentecostal*|testimon* di "
     "geova|buddist*|induist*|sikh|ortodoss*|sciit*|ateo|atea|atei|ateismo|agnostic*|massone|"
     "massoneria|credente*|praticante*|devot*|osservante*|fede islamica|fede cattolica|fede "
     "ebraica|fede religiosa|di "
     "fede|convertit*|battezzat*|battesimo|sbattezz*|comunione|cresima|parrocchi*|chiesa|messa|"
     "catechist*|catechism*|moschea|sinagoga|sala del regno|preghier*|prega|pregare|digiun*"},
    {POL_SPECIAL_RELIGION,
     "kippur|sabato ebraico|pesach|quaresima|velo islamico|porta il "
     "velo|turbante|rabbino|diacono|suora|monaco|musulm*|islám*|judí*|judai*|católic*|catolicismo|"
     "protestante*|evangélic*|evangelist*|bautista*|adventista*|testig* de "
     "jehová|mormón*|budista*|hindú*|chií*|suní*|ateísmo|agnóstic*|masón|masona|masonería|creyente*"
     "|practicante*|religios*|fe musulmana|fe católica|fe judía|de "
     "fe|religión|convirti*|convertid*|conversión|bautiz*|apostat*|comunión|bar "
     "mitzvá|parroqu*|iglesia|misa|catequ*|mezquita|salón del "
     "reino|rezar|reza|rezo|oración|oraciones|ramadán"},
    {POL_SPECIAL_RELIGION,
     "ayun*|kipur|shabat|pésaj|cuaresma|hiyab|kipá|imán|rabino|diácono|monja|monje|cienciolog*|"
     "muçulman*|islão|islam*|jude*|judi*|judaísmo|batista*|baptista*|testemunha* de "
     "jeová|mórmon*|xiita*|sunita*|ateu|ateia|maçon*|crente*|fé muçulmana|fé católica|fé "
     "judaica|de "
     "fé|religião|batizad*|baptizad*|batismo|batizado|comunhão|paróqui*|paroqui*|igreja|missa|"
     "catequista|mesquita|salão do reino|oração|orações|ramadão|ramadã|jejum*|jejua|sábado "
     "judaico|quaresma|véu|quipá|imã|imame|freira|monge"},
    {POL_SPECIAL_RELIGION,
     "umband*|candombl*|espírita|moslima|islamitisch*|joods*|jodendom|jood|jodin|katholiek*|rooms-"
     "katholiek*|protestants*|protestant|hervormd*|gereformeerd*|pinkster*|jehova's "
     "getuige*|jehova*|mormo*|boeddhist*|hindoe*|sjiit*|soennit*|atheïst*|agnost*|vrijmetselaar*|"
     "gelovig*|ongelovig*|praktiserend*|vroom|kerkelijk*|kerklid|kerkganger|lid van de kerk|naar "
     "de "
     "kerk|kerkenraad|ouderling|diaken|geloof|bekeer*|bekeerd*|gedoopt*|doop|communie|vormsel|bar "
     "mitswa|parochi*|kerkkoor|moskee|koninkrijkszaal|bidt|bidden|vast "
     "tijdens|vasten|suikerfeest|offerfeest|jom kipoer|sjabbat|chanoeka|koosjer"},
    {POL_SPECIAL_RELIGION,
     "hoofddoek*|keppel*|tulband|rabbijn|monnik|muzułma*|żyd|żyda|żydem|żydów*|żydowsk*|judaizm*|"
     "judaistyczn*|katolic*|katolik*|katolicyzm*|protestan*|ewangeli*|luterań*|baptyst*|adwentyst*|"
     "zielonoświątk*|świadk* jehowy|świadek "
     "jehowy|jehow*|buddyst*|buddyjsk*|hinduist*|hinduizm*|prawosław*|grekokatoli*|szyit*|ateist*|"
     "agnosty*|mason*|wolnomular*|wierząc*|niewierząc*|praktykując*|pobożn*|religijn*|bezwyznani*|"
     "wyznani*|wyznaw*|konwer*|nawróc*|ochrzczon*|chrzest|chrzt*|apostazj*|bierzmow*|bar "
     "micw*|parafi*|kościel*|kościoł*|kościół|mszę|mszy|msza|mszach"},
    {POL_SPECIAL_RELIGION,
     "różańc*|różaniec|oazie|meczet*|synagog*|zbór|zborze|zboru|sali "
     "królestwa|modli*|modlitw*|ramadan*|jom kipur|szabat*|szabas*|wielki post|koszern*|chust* na "
     "głow*|hidżab*|jarmułk*|kip*|imam*|rabin*|diakon*|zakonnic*|zakonnik*|mnich*|scjentolog*|žid*|"
     "židovsk*|judais*|katoli*|evangeli*|luterán*|husits*|letniční*|svědk* jehov*|svědek "
     "jehov*|jehov*|buddhis*|hindui*|pravoslav*|šíit*|ateis*|agnosti*|zednář*|věřící*|nevěřící*|"
     "praktikující*|zbožn*|nábožens*|vyznán*|vyznáv*|konvert*|pokřtěn*|křest*|křtu|přijímán*|"
     "biřmován*|bar micva"},
    {POL_SPECIAL_RELIGION,
     "farnost*|farní*|kostel*|církv*|církev*|mši|mše|mešit*|modlí*|modlitb*|ramadán*|šabat*|košer|"
     "šátek|hidžáb|jarmulk*|imám*|rabín*|jáhen|řeholnic*|žid|veriac*|kresťan*|křesťan*|evre*|evrei*"
     "|mozaic*|iudais*|catolic*|greco-catolic*|evanghel*|reformat*|penticostal*|martor* al lui "
     "iehova|martorii lui iehova|martoră a lui "
     "iehova|iehova|budist*|hindus*|șiit*|ateu*|atee|francmason*|credincios*|credincioas*|"
     "practicant*|pios*|botezat*|botez*|împărtăș*|parohi*|biseric*|slujb*|liturghi*|moschee*|"
     "sinagog*|se roagă|roagă|rugăciun*|postește"},
    {POL_SPECIAL_RELIGION,
     "sabat*|cușer|văl|diacon*|călugăr*|preot*|judisk*|jude|judinna|judendom*|jødisk*|jøde|jødinde|"
     "katolsk*|evangelisk*|luthersk*|luthersk|frikyrk*|frikirk*|pingst*|pinse*|jehovas "
     "vittne*|jehovas vidne*|jehovas "
     "vitne*|jehovas|ortodoks*|shia*|sunni*|frimurar*|frimurer*|troende|kristen|kristn*|icke-"
     "troende|ikke-troende|religiös*|religiøs*|trosretning|trossamfund*|bekänn*|bekend*|konverter*|"
     "omvend*|döpt*|døbt|døpt*|dåb|konfirm*|nattvard*|bar "
     "mitzva|församling*|menighed*|menighet*|kyrka*|kyrkan|kirke*|kirken|svenska "
     "kyrkan|folkekirken|meldt sig ud af"},
    {POL_SPECIAL_RELIGION,
     "lämnat kyrkan|gudstjänst*|gudstjeneste*|moské*|moske*|rikets "
     "sal|beder|bønn*|bøn|sabbat*|slöja*|tørklæde*|kalot|rabbin*|nunna|munk|islami*|juutalai*|"
     "katolilai*|protesta*|luterilai*|helluntai*|jehovan "
     "todist*|jehovan|lestadiolai*|vanhoillis*|buddhala*|sikhi*|ortodok*|vapaamuur*|uskonto*|"
     "uskonn*|uskova*|uskovai*|uskoon|kääntyi*|kastet*|ripille|rippikoul*|seurakun*|kirkko*|kirkon|"
     "kirkosta|kirkkoon|jumalanpalvel*|moskeija*|rukoil*|rukou*|paasto*|sapatti*|huivi*|hijab*|"
     "imaami*|diakoni*|nunna*|munkki*|kristitty*|muszlim*|muzulmán*|iszlám*"},
    {POL_SPECIAL_RELIGION,
     "zsidó*|izraelita*|katolikus*|görögkatol*|protestáns*|református*|evangélikus*|luteránus*|"
     "pünkösdi*|szikh*|síita*|szunnita*|ateista*|agnosztik*|szabadkőműv*|hívő*|vallás*|vallásos*|"
     "vallású|hitű|hitre|áttért*|megkeresztel*|keresztel*|elsőáldoz*|bérmál*|bar "
     "micv*|plébáni*|egyház*|templom*|misére|misén|mecset*|zsinagóg*|imádk*|imáj*|böjt*|sábesz|"
     "szombattart*|kóser*|fejkendő*|hidzsáb|kipa|turbán|diakónus*|apáca*|szerzetes*|keresztény*|"
     "orthodox christian*|greek orthodox|russian orthodox|ortodox credinc*|creștin "
     "ortodox*|creștină ortodox*|ortodoxă|ortodox|orthodoxe chrét*|cristian* ortodox*|faith|his "
     "faith"},
    {POL_SPECIAL_RELIGION,
     "her "
     "faith|believer|christian|christlich|chrétien*|cristian*|cristão|cristã|christen|chrześcija*|"
     "creștin*|konvertiert*|conversion|converted*|convertirs*|converteu*|convertiu*|si è "
     "convertit*|konvertoval*|konvertował*|betreibt gebet|mass|mass every|attends "
     "mass|gottesdienst*|religieu*|strict vegan|de religión*|de religião*|de "
     "religione|religion:|wyznania|komunii|komunię|trošku|observes the*|turbanem|rosh "
     "hashanah|rosch ha*|rosh hashana|yom kip*|jom kip*|eid al*|eid mubarak|bayram|grote "
     "verzoendag|sukkot|purim|shavuot|sundown on fridays|fridays as|fasting|is fasting|fasts|fast "
     "during|faste*|fastar|faster denne|jeûne|ayuna"},
    {POL_SPECIAL_RELIGION,
     "digiuna|vast deze|pości|poszcz*|postí|postí se|ține "
     "post*|böjtöl*|kloster|klášter*|kloster*|klasztor*|mănăstir*|convent|convento|couvent|"
     "klooster|kolostor*|seminary|seminarist*|theolog*|pastor*|pfarrer*|pasteur|pastore|dominee|"
     "pastorul|lelkész*|ksiądz|księd*|kněz*|farář*|prêtre|curé|prete|sacerdote|padre|priester|"
     "präst|præst|papnak|deacon*|voile|velo|slöja|huivi|chust*|fejkendő|headscar*|church|kirche|"
     "kerk|kyrka|kirke|temple|mosque*|moscheea|pray*|bible|bibel*"},
    {POL_SPECIAL_RELIGION,
     "biblia|bibbia|bíblia|bijbel|biblii|biblię|bibli|bibeln|koran*|quran|coran*|corano|corán|"
     "alcorão|korán*|torah|thora|talmud|baptism*|baptême*|battesim*|bautism*|batism*|doop*|chrzci*|"
     "křtin*|dåb*|keresztség|godparent*|taufpate*|parrain|marraine|padrino|madrina|padrinho|"
     "peetoom|chrzestn*|kmotr*|gudfar|gudmor|gudföräld*|nașii|naș|nașă|keresztanya|keresztapa|"
     "excommunic*|apostas*|apostaz*|sbattez*|uscito dalla chiesa|kirchenaustritt*|austritt aus der "
     "kirche|uittreden|uitschrijven bij de kerk|wypisał* z kościoła|vystoupil* z církve|gått ur "
     "svenska|meldt ud af folkekirken|meldt mig ud af folkekirken"},
    {POL_SPECIAL_RELIGION,
     "ieșit din biserică|kilépett az egyházból|kiléptem az "
     "egyházból|pork|schweinefleisch|porc|maiale|cerdo|varkensvlees|wieprz*|vepřov*|fläsk*|"
     "svinekød*|sertés*|disznó*|sonká*|alcohol for religious|no bebe "
     "por*|jehovah*|jéhov*|geova|jeová|hahota*|gyülekezet*|congregati*|gemeinde|assemblée de "
     "dieu|iglesia "
     "evangélica|filadelfia|pentec*|penticost*|christmas|weihnacht*|noël|navidad|natal|kerst*|boże "
     "narodz*|wigili*|vánoc*|julen|crăciun*|karácsony*|easter|ostern|pâques|pascua|páscoa|pasen|"
     "wielkanoc*|velikonoc*|påsk*|påske*|paște*|húsvét*|ateizm*|godless|humanist confirm*|civil "
     "confirm*|jugendweihe"},
    {POL_SPECIAL_RELIGION,
     "yoga guru|krishna*|krišn*|falun gong|freimaurer*|loża|druid*|wicca*|satanist*|for "
     "prayers|zum gebet|pour la prière|la preghiera|para rezar|te bidden|na modlitwę|na "
     "modlitbu|för bön|for at bede|la rugăciune|imára|grew up mormon|mormons|chez les "
     "mormons|gudstj*"},
    {POL_SPECIAL_POLITICAL,
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
    {POL_SPECIAL_POLITICAL,
     "political opinion*|political belief*|demonstrat*|local councillor for|ran as a "
     "candidate|stood as a candidate|donates to|donated to|political donation*|trump "
     "supporter|momentum|parteimitglied*|parteibuch|parteizugehörig*|parteifreund*|parteiaustritt|"
     "mitglied der partei|mitglied bei den grünen|mitglied der grünen|mitglied der linken|mitglied "
     "der npd|mitglied der fdp|mitglied der övp|mitglied der spö|mitglied der fpö|mitglied der "
     "svp|afd-mitglied*|afd-wähler*|afd-anhänger*|spd-mitglied*|cdu-mitglied*|spd-wähler*|cdu-"
     "wähler*|grünen-wähler*|fpö-wähler*|afd|npd|spd|cdu|csu|fdp|bsw|die linke|den grünen|die "
     "grünen|bündnis "
     "90|ortsverein*|ortsverband|kreisverband|kandidierte*|kandidiert*|wählt*|gewählt|wählte*|"
     "stammwähler*|wahlkampf*|rechtsextrem*|linksextrem*|rechtsradikal*|linksradikal*"},
    {POL_SPECIAL_POLITICAL,
     "neonazi*|reichsbürger*|kommunist*|sozialist*|sozialdemokrat*|gesinnung|politisch "
     "aktiv|politisch engagiert|politische überzeug*|politische einstell*|politischen "
     "einstell*|politische meinung|demonstr*|aktivist*|jungsozialist*|juso*|junge "
     "union|pegida|querdenk*|letzte generation|letzten generation|gemeinderat für|parti "
     "socialiste|parti communiste|parti de gauche|parti politique|rassemblement national|la france "
     "insoumise|lfi|france insoumise|les républicains|europe écologie|eelv|front "
     "national|reconquête|membre du ps|membre du pcf|carte du "
     "parti|encart*|militant*|milite*|adhérent*|adhère*|sympathisant*|a "
     "voté|voté|électeur*|électrice*|de gauche|de droite|extrême droite|extrême "
     "gauche|d'extrême*|gauchiste*|communiste*|socialiste*|marxiste*|trotskiste*|anarchiste*|"
     "fasciste*"},
    {POL_SPECIAL_POLITICAL,
     "néonazi*|nationaliste*|indépendantiste*|souverainiste*|royaliste*|écologiste*|macroniste*|"
     "lepéniste*|insoumis*|gilet* jaune*|opinions politiques|convictions politiques|engagement "
     "politique|engagé politiquement|engagée politiquement|manifest*|candidat aux*|candidate "
     "aux*|candidat sur la liste|candidate sur la liste|s'est présenté*|tracts|collé des "
     "affiches|élu local|conseiller municipal*|conseillère municipale|partito democratico|forza "
     "italia|fratelli d'italia|movimento 5 stelle|cinque stelle|rifondazione*|partito "
     "comunista|casapound|italia viva|del pd|al pd|nel pd|tesserat*|tessera del partito|tessera "
     "del pd|iscritt* al partito|milita*|attivista*|simpatizzant*|vota*|votato|ha "
     "votato|elettore*|elettrice*|di sinistra|di destra|estrema destra|estrema "
     "sinistra|comunist*|anarchic*|neofascist*|neonazist*|nazionalist*|indipendentist*"},
    {POL_SPECIAL_POLITICAL,
     "sovranist*|monarchic*|leghist*|grillin*|berlusconian*|opinioni politiche|idee "
     "politiche|convinzioni politiche|orientamento politico|impegno "
     "politico|manifestaz*|manifestante*|candidat* con|candidat* alle|candidato nella "
     "lista|candidata nella lista|consigliere comunale|consigliera comunale|partido "
     "popular|partido socialista|partido comunista|psoe|podemos|ciudadanos|izquierda "
     "unida|esquerra|erc|bildu|pnv|junts|afiliad* al pp|del pp|al pp|del psoe|afiliad* al "
     "partido|carné del partido|carnet del partido|simpatizante*|votó|votado|votante*|de "
     "izquierda*|de derecha*|ultraderech*|extrema derecha|extrema "
     "izquierda|comunista*|socialista*|marxista*|anarquista*|fascista*|nacionalista*|"
     "independentista*|separatista*|franquista*|monárquic*|activista*|ideología*|opiniones "
     "políticas|ideas políticas"},
    {POL_SPECIAL_POLITICAL,
     "convicciones políticas|manifestación*|manifestarse|candidat* por|candidat* en la lista|en "
     "las listas|concejal*|partido social democrata|psd|pcp|bloco de esquerda|iniciativa "
     "liberal|cds|partido dos trabalhadores|cartão do partido|filiad*|filiou-se*|votou|eleitor*|de "
     "esquerda|de direita|extrema-direita|extrema-esquerda|extrema "
     "direita|bolsonarista*|petista*|ativista*|ideologia*|opiniões políticas|ideias "
     "políticas|convicções políticas|manifestação*|manifestações|candidat* pelo|candidat* "
     "pela|candidat* nas listas|autarca|vereador*|partijlid*|partijlidmaatschap|lid van de "
     "partij|lid van de sp|lid van de vvd|lid van volt|lid van "
     "bij1|vvd|pvda|pvv|d66|groenlinks|cda|forum voor democratie|fvd|n-va|vlaams belang|sp.a|open "
     "vld|boerburgerbeweging|bbb|stemde"},
    {POL_SPECIAL_POLITICAL,
     "gestemd|pvv-stemmer*|vvd-stemmer*|kiezer*|aanhanger*|sympathis*|extreemrechts*|extreem-"
     "rechts*|extreemlinks*|activist*|politieke voorkeur|politieke overtuiging|politieke "
     "opvatting*|politiek actief|betog*|kandidaat voor|op de "
     "lijst|gemeenteraadslid|raadslid|folders voor|partię|partia|partyjn*|platform* "
     "obywatelsk*|prawo i sprawiedliwość|prawa i "
     "sprawiedliwości|psl|konfederacj*|lewic*|lewicy|nowoczesn*|polska 2050|korwin*|ruch "
     "narodowy|młodzież* "
     "wszechpolsk*|onr|wyborc*|elektorat*|głosował*|głosuje*|zagłosow*|kandydow*|kandyduj*|listy "
     "wyborcz*|z "
     "listy|sympatyk*|sympatyz*|zwolenni*|działacz*|aktywist*|poglądy|poglądach|poglądów|"
     "przekonani* politycz*|prawicow*|lewicow*|konserwatywn*|liberaln*|narodow*|nacjonalist*"},
    {POL_SPECIAL_POLITICAL,
     "faszyst*|komunist*|socjalist*|marksist*|antyfaszyst*|manifestacj*|demonstrac*|marszu*|strajk*"
     " kobiet|radn*|przekazał* na kampanię|straník*|stranick*|ods|čssd|ksčm|piráti|pirátsk*|top "
     "09|kdu-čsl|volí|volil*|volič*|kandidoval*|kandiduje*|kandidátk*|sympatiz*|příznivc*|"
     "příznivec|podporuje*|podporovatel*|politick* názor*|politick* "
     "přesvědč*|levicov*|pravicov*|sociální demokrat*|fašist*|neonacist*|nacionalist*|zastupitel* "
     "za|členství ve straně|partidul*|pnl|usr|aur|udmr|pmp|membră*|carnet de "
     "partid|simpatizant*|votat|votează|votez|alegător*|susținăt*|de stânga|de dreapta|extrema "
     "dreaptă|extrema stângă|anarhist*"},
    {POL_SPECIAL_POLITICAL,
     "legionar*|naționalist*|monarhist*|opinii politice|convingeri politice|vederi "
     "politice|manifestaț*|candidat* din partea|candidat* pe lista|a candidat|consilier "
     "local|socialdemokrat*|sverigedemokrat*|vänsterparti*|miljöparti*|centerparti*|kristdemokrat*|"
     "folkeparti*|enhedslisten|radikale|arbeiderparti*|høyre|fremskrittsparti*|frp|rødt|partimed*|"
     "partibok|partiaktiv*|røster|røstar|röstar*|röstat*|røstede*|stemmer på|stemte*|stemt "
     "på|vælger*|väljare|velger|valarbet*|valgkamp*|venstreorient*|højreorient*|högerextrem*|"
     "højreekstrem*|høyreekstrem*|sosialist*|anarkist*|nynazist*|nasjonalist*|politisk* "
     "åsikt*|politiske hold*|politisk* uppfattn*|politisk aktiv*|demonstrer*|kandider*|opstillet "
     "for|stiller op for|kommunfullmäktig*|kommunestyret"},
    {POL_SPECIAL_POLITICAL,
     "byrådet "
     "for|puolue*|puolueen|puolueeseen|perussuomal*|kokoomu*|keskusta*|vihre*|vasemmisto*|sdp*|"
     "demari*|kommunisti*|sosialisti*|anarkisti*|äärioikei*|äärivasem*|kansallism*|uusnatsi*|"
     "äänest*|vaaleissa|poliittis*|kannattaja*|aktivisti*|mielenosoit*|mielenosoitu*|kunnanvaltuut*"
     "|párt*|párttag*|fidesz*|mszp*|jobbik*|momentum*|mi "
     "hazánk|kdnp|szavaz*|szavazó*|jelöltje*|szimpatiz*|támogatj*|baloldal*|jobboldal*|szélsőjobb*|"
     "kommunista*|szocialista*|anarchista*|fasiszta*|neonáci*|konzervatív*|aktivista*|politikai*|"
     "tüntet*|tüntetés*|conservative voter*|liberal party|socialist party|democratic "
     "party|republican party|partido *|partito *|parti *"},
    {POL_SPECIAL_POLITICAL,
     "partii *|partią *|partidul *|strany *|straně *|stranu *|partiet|partei|in der "
     "partei|protesters|took part in the protest*|joined the "
     "protest*|protested|demonstration*|liberale*|konserwatyst*|conservatore*|conservador*|"
     "konservativ*|socialist|socialiste|socialista|socialisty|socialistka|nationalist|nationalista|"
     "voted for|votes for|voting for|vote pour|voted against|wybor*|politically "
     "active|politically*|politique*|politisch*|politiek*|politycz*|politick*|politisk*|politico|"
     "politica|político|política|politic|politică|stemt op|stemt al|stemt voor|links "
     "georiënteerd|rechts georiënteerd|członk* pis|głosuje na "
     "pis|parlamentar*|leaflet*|leafleting|for labour|labour again|labour|lib dem*"},
    {POL_SPECIAL_POLITICAL,
     "the greens|green councillor|hardcore tory|votes "
     "republican|republican|republicans|democrats|for reform|standing for|stood in the|ran for "
     "office|ran for|running for|candidate "
     "for|candidacy|kandidatur*|candidatura*|candidature*|kandydat*|kandidát*|kandidaat*|candidat*|"
     "jelölt*|election*|wahl|wahlen|wählt|élection*|elezion*|elección*|elecciones|eleiç*|"
     "verkiezing*|wybory|wyborach|volby|volbách|valet|valg|valget|alegeri*|választás*|council|"
     "councillor|stadtrat|gemeinderat*|stadträtin|bürgermeister*|adjoint au maire|adjointe au "
     "maire|élu|élue|conseil "
     "municipal|assessore|assessora|consiglier*|autárqu*|wethouder*|radny|radna"},
    {POL_SPECIAL_POLITICAL,
     "radnym|zastupitel*|kommunfullm*|nämnden|byråd*|kommunalbest*|consilier*|képviselő*|"
     "önkormányz*|mandat|mandato|mandaat|partito|party|partido|partij*|strana|straně|stranu|strany|"
     "partid|partidul|le rn|au rn|rn aux|pour le rn|votes rn|vote rn|le ps|au ps|élu lr|les "
     "verts|aux verts|verts|grünen|linken|aus der linken|bei den grünen|pour lfi|de "
     "lfi|tracte*|con la lega|della lega|leghista|la lega|do chega|no chega|pelo chega|do bloco|no "
     "bloco|no ps|do ps|no psd|do psd|in de pvv|voor de pvv|sierpień*|z zielonych|ze "
     "zelených|zelených"},
    {POL_SPECIAL_POLITICAL,
     "za spd|volí stačilo|stačilo|pro ano|v ksč|ksč|miljöpart*|moderatern*|sossar*|sosse|för sd|af "
     "sf|for sf|venstre|dansk folkeparti|liberal alliance|enhedslist*|nye borgerlige|socialdem*|la "
     "aur|din usr|celor de la usr|fideszes|dk-s|lmp-*|mi hazánk*|mi "
     "hazánkos|tiszás*|tisza*|christenunie|sgp|50plus|jovem "
     "chegan*|anpi|rifondazione|independentist*|indépendantist*|estelada|ikurriña|brexit*|leave "
     "campaign|campaign*|kampagne*|campagne*|campaña*|campanha*|kampani*|kampaň*|kampanj*|kampány*|"
     "campani*|signatures|semnături*|podpisy|unterschrift*|firmas|petition*|pétition*|petiz*|"
     "petición"},
    {POL_SPECIAL_POLITICAL,
     "demos|manif|corteo|protest*|sit-in|blockad*|blocad*|marsz*|marş*|pochod*|tünt*|felvonul*|"
     "activis*|aktivista|donated|donation to|spende an|gespendet|don à|donado "
     "a|doou|doneerde|wpłacił*|przekazał*|daroval*|skänkt*|adománny*|adakoz*|left-wing*|right-wing*"
     "|rechts|rechte|links|linke|sinistra|destra|izquierda|derecha|esquerda|direita|prawic*|levic*|"
     "pravic*|vänster|höger|stânga|dreapta|baloldali|jobboldali|szocialist*|vota|vote|votes|voted|"
     "voting|wähle|wählen|voto|votar|stem op"},
    {POL_SPECIAL_POLITICAL,
     "stemmen|głosuj*|głosow*|zagłos*|volit|rösta|stemmer|stemt|socialist "
     "worker|linksjugend|jusos|jonge socialisten|rood|ung vänster|rød ungdom|jeunes "
     "communistes|giovani comunisti|juventudes|juventude|młodych razem|młodzieżówk*|mladých "
     "komunist*|tineretul|ifjú szocialist*|candidai|candidata pelo|candidata de|candidato "
     "de|kandidatin|kandidat|startował*|jelöltje|auf der liste|stillede "
     "op|kandiderade|pliant*|volantin*|panflet*|octavill*|flugbl*|flygblad*|løbesed*|løpesed*|"
     "ulotk*|leták*|letáky|szórólap*|folders|flyers for"},
};
const size_t pol_hints_belief_n = sizeof(pol_hints_belief) / sizeof(pol_hints_belief[0]);
